"""What a user types as a token, reduced to what counts: ASCII digits, for most."""

from __future__ import annotations

import unicodedata

from . import errors

LONGEST_INPUT = 64


def normalize(text: str, length: int) -> str:
    """The digits of `text`: digits of any script count, spaces and dashes do not.

    Raises `InvalidVerificationCode` unless exactly `length` digits and nothing else is left.
    """
    if len(text) > LONGEST_INPUT:
        raise errors.InvalidVerificationCode
    digits = []
    for c in text:
        if _comes_along(c, "Pd"):
            continue
        value = unicodedata.decimal(c, None)
        if value is None:
            raise errors.InvalidVerificationCode
        digits.append(str(value))
    if len(digits) != length:
        raise errors.InvalidVerificationCode
    return "".join(digits)


# Source: the description of `CustomCode` in Twilio's OpenAPI file.
SHORTEST_CUSTOM, LONGEST_CUSTOM = 4, 10


def custom(text: str) -> str:
    """A code of a site's own, as it was typed but for spaces; raises `InvalidVerificationCode`."""
    code = "".join(c for c in text[: LONGEST_INPUT + 1] if not _comes_along(c))
    if not SHORTEST_CUSTOM <= len(code) <= LONGEST_CUSTOM or not code.isprintable():
        raise errors.InvalidVerificationCode
    return code


def _comes_along(c: str, *more: str) -> bool:
    """Whether it is a space (Zs) or an invisible mark (Cf), as come along when a code is pasted."""
    return c.isspace() or unicodedata.category(c) in ("Zs", "Cf", *more)
