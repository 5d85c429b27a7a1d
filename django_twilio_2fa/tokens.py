"""What a user types as a token, reduced to ASCII digits."""

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
        # Zs, Pd, Cf: spaces, dashes, invisible marks that come along when a code is pasted.
        if c.isspace() or unicodedata.category(c) in ("Zs", "Pd", "Cf"):
            continue
        value = unicodedata.decimal(c, None)
        if value is None:
            raise errors.InvalidVerificationCode
        digits.append(str(value))
    if len(digits) != length:
        raise errors.InvalidVerificationCode
    return "".join(digits)
