"""Make, parse and compare recovery codes. The functions depend only on their arguments and the secret key."""

from __future__ import annotations

import re
import secrets
import unicodedata
from itertools import groupby

from django.utils.crypto import constant_time_compare

from django_twilio_2fa import errors
from django_twilio_2fa.digests import digest, digests
from django_twilio_2fa.tokens import LONGEST_INPUT

NUMBER = 10
LENGTH = 16
"""The number of hexadecimal digits. NIST SP 800-63B (5.1.2.2) requires no throttling from 64 bits on."""
GROUP = 4
GROUP_OF_IT = re.compile(rf"[0-9a-f]{{{GROUP}}}")
ALL_OF_IT = re.compile(rf"[0-9a-f]{{{LENGTH}}}|{'-'.join([GROUP_OF_IT.pattern] * (LENGTH // GROUP))}")


def new_seed() -> str:
    """Return 256 random bits in hexadecimal, from which a set of codes is derived."""
    return secrets.token_hex(32)


def from_seed(seed: str, kept: list[str]) -> list[str]:
    """Return the codes of a seed, as the user sees them: `1f3a-09be-77c2-d4e1`.

    They are derived from the seed and the secret key, so that nobody can compute them from the session or the
    database alone. `kept`: their digests, by which the right key is found if the secret key has changed.
    """
    return [_shown(_code(seed, n, kept)) for n in range(NUMBER)]


def _code(seed: str, n: int, kept: list[str]) -> str:
    options = [d[:LENGTH] for d in digests("recovery code", seed, n)]
    return next((code for code in options if find(code, kept)), options[0])


def digests_of(seed: str) -> list[str]:
    """Return the digests of the codes of a seed."""
    return [kept_of(digest("recovery code", seed, n)[:LENGTH]) for n in range(NUMBER)]


def kept_of(code: str) -> str:
    """Return the digest of a code."""
    return digest("recovery", code)


def find(code: str, kept: list[str]) -> str:
    """Return the stored digest of a code. Empty if there is none. Compares with all, in constant time."""
    found = ""
    for told in digests("recovery", code):
        for stored in kept:
            if constant_time_compare(told, stored):
                found = stored
    return found


def _shown(code: str) -> str:
    return "-".join(code[n : n + GROUP] for n in range(0, LENGTH, GROUP))


def normalize(text: str) -> str:
    """Return the code in a text, which may have any case, separators and other words.

    Raises `InvalidVerificationCode` unless the text contains exactly one code.
    """
    if len(text) > LONGEST_INPUT:
        raise errors.InvalidVerificationCode
    plain = _simplified(text)
    typed = plain.replace(" ", "").replace("-", "")
    found = {typed} if ALL_OF_IT.fullmatch(typed) else _within(plain)
    if len(found) != 1:
        raise errors.InvalidVerificationCode
    return found.pop()


def _within(text: str) -> set[str]:
    """Return the codes in a text: words with the form of a code, or else four words with one group each."""
    parts = [part.split() for part in re.split(r"[^0-9a-z_ -]+", text)]
    found = {word.replace("-", "") for part in parts for word in part if ALL_OF_IT.fullmatch(word)}
    if found:
        return found
    runs = [
        list(run)
        for part in parts
        for fits, run in groupby(part, lambda word: bool(GROUP_OF_IT.fullmatch(word)))
        if fits
    ]
    return {"".join(run) for run in runs if len(run) == LENGTH // GROUP}


def _simplified(text: str) -> str:
    """Return a text in lower case, with one kind of space and dash, and without invisible characters."""
    simple = []
    for c in unicodedata.normalize("NFKC", text).lower():
        category = unicodedata.category(c)
        if category != "Cf":
            simple.append(" " if c.isspace() else "-" if category == "Pd" else c)
    return "".join(simple)
