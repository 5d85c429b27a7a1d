"""The codes: how they are made, read and told apart. Pure functions, but for the key of the digests."""

from __future__ import annotations

import secrets
import unicodedata

from django.utils.crypto import constant_time_compare

from django_twilio_2fa import errors
from django_twilio_2fa.digests import digest, digests

NUMBER = 10
LENGTH = 16
"""Hexadecimal digits: 64 bits, from which on NIST SP 800-63B (5.1.2.2) asks for no throttling."""
GROUP = 4
LONGEST_INPUT = 64


def new_seed() -> str:
    """256 random bits, from which a set of codes is made."""
    return secrets.token_hex(32)


def from_seed(seed: str, kept: list[str]) -> list[str]:
    """The codes of a seed, as the user sees them: `1f3a-09be-77c2-d4e1`.

    They come of the seed and the kit's key together, so that neither a session nor the database alone tells
    them. `kept`: their digests; they say which key it was, where it has changed meanwhile.
    """
    return [_shown(_code(seed, n, kept)) for n in range(NUMBER)]


def _code(seed: str, n: int, kept: list[str]) -> str:
    options = [d[:LENGTH] for d in digests("recovery code", seed, n)]
    return next((code for code in options if find(code, kept)), options[0])


def digests_of(seed: str) -> list[str]:
    """What is stored of the codes of a seed."""
    return [kept_of(digest("recovery code", seed, n)[:LENGTH]) for n in range(NUMBER)]


def kept_of(code: str) -> str:
    """What is stored of a code."""
    return digest("recovery", code)


def find(code: str, kept: list[str]) -> str:
    """The stored digest of a code; empty if there is none. Compares with each, in constant time."""
    found = ""
    for told in digests("recovery", code):
        for stored in kept:
            if constant_time_compare(told, stored):
                found = stored
    return found


def _shown(code: str) -> str:
    return "-".join(code[n : n + GROUP] for n in range(0, LENGTH, GROUP))


def normalize(text: str) -> str:
    """A code as it was typed, in any case and with whatever between its groups.

    Raises `InvalidVerificationCode` unless 16 hexadecimal digits are left.
    """
    if len(text) > LONGEST_INPUT:
        raise errors.InvalidVerificationCode
    plain = unicodedata.normalize("NFKC", text).lower()
    code = "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in ("Zs", "Pd", "Cf"))
    if len(code) != LENGTH or not set(code) <= set("0123456789abcdef"):
        raise errors.InvalidVerificationCode
    return code
