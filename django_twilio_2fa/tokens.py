"""Normalize the tokens that users type: spaces, dashes, digits of other scripts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from . import errors

LONGEST_INPUT = 1000
"""The length of the longest text that is read, which may be a whole message."""

# Next to one of these characters, digits are part of a word, a number or an address, and not a code.
PART_BEFORE = re.compile(r"[A-Za-z_+%&=/\\@$]|\d[.,:]")
PART_AFTER = re.compile(r"[A-Za-z_%&=/\\@$]|[.,:]\d")
SIMPLE = {"Pd": "-", "Zs": " ", "Cf": "", "Sc": "$", "No": "_", "Nl": "_"}


def normalize(text: str, length: int) -> str:
    """Return the code in a text as ASCII digits. The text is the code, or a message that contains it.

    Digits of any script are accepted, and spaces and dashes within a code are ignored. Raises
    `InvalidVerificationCode` unless the text contains exactly one code of `length` digits.
    """
    if len(text) > LONGEST_INPUT:
        raise errors.InvalidVerificationCode
    if len(text) == length and text.isascii() and text.isdigit():
        return text
    found = {run for run in _runs(_simplified(text)) if len(run) == length}
    if len(found) != 1:
        raise errors.InvalidVerificationCode
    return found.pop()


def _simplified(text: str) -> str:
    """Return `text` with ASCII digits, plain spaces and plain dashes, and without invisible characters."""
    simple = []
    for c in text:
        category, value = unicodedata.category(c), unicodedata.decimal(c, None)
        if category == "Cc" and not c.isspace():
            raise errors.InvalidVerificationCode
        if value is not None:
            simple.append(str(value))
        else:
            simple.append(" " if c.isspace() else SIMPLE.get(category, c))
    return "".join(simple)


def _runs(text: str) -> Iterator[str]:
    """Yield the digits of each run that is not part of a word, a number or an address."""
    for run in re.finditer(r"[0-9](?:[ -]*[0-9])*", text):
        before, after = text[max(0, run.start() - 2) : run.start()], text[run.end() : run.end() + 2]
        if not (PART_BEFORE.search(before[-1:]) or PART_BEFORE.fullmatch(before) or PART_AFTER.match(after)):
            yield re.sub("[ -]", "", run[0])


# Source: the description of `CustomCode` in Twilio's OpenAPI file.
SHORTEST_CUSTOM, LONGEST_CUSTOM = 4, 10


def custom(text: str) -> str:
    """Clean a custom code: remove spaces and invisible characters. Raises `InvalidVerificationCode`."""
    code = "".join(c for c in text[: LONGEST_INPUT + 1] if not _comes_along(c))
    if not SHORTEST_CUSTOM <= len(code) <= LONGEST_CUSTOM or not code.isprintable():
        raise errors.InvalidVerificationCode
    return code


def _comes_along(c: str, *more: str) -> bool:
    """Return whether a character is a space (Zs) or an invisible mark (Cf), as pasted text may contain."""
    return c.isspace() or unicodedata.category(c) in ("Zs", "Cf", *more)
