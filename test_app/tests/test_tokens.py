"""What people type as a code, reduced to digits or refused."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.tokens import normalize

DIGITS = [c for c in map(chr, range(sys.maxunicode)) if unicodedata.decimal(c, None) is not None]
BETWEEN = [" ", "-", "\u2013", "\u00a0", "\u2009", "\u200b", "\u200e", "\t", "\n"]


@given(
    st.lists(st.sampled_from(DIGITS), min_size=6, max_size=6), st.lists(st.sampled_from(BETWEEN), max_size=10)
)
def test_digits_of_every_script_are_digits(digits: list[str], between: list[str]) -> None:
    text = "".join(b + d for b, d in zip([*between, *[""] * 6], digits, strict=False))
    assert normalize(text, 6) == "".join(str(unicodedata.decimal(d)) for d in digits)


@pytest.mark.parametrize(
    "text", ["123 456", "123-456", " 123456\n", "1 2 3 4 5 6", "123\u2013456", "\u200e123456"]
)
def test_spaces_and_dashes_do_not_count(text: str) -> None:
    assert normalize(text, 6) == "123456"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "1234.6",
        "+123456",
        "\u00bd23456",
        "\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2",
        "12345\0",
        "1" * 10_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidVerificationCode):
        normalize(text, 6)


@given(st.text())
def test_whatever_is_typed_gives_digits_or_the_kits_error(text: str) -> None:
    try:
        token = normalize(text, 6)
    except errors.InvalidVerificationCode:
        return
    assert len(token) == 6
    assert token.isascii()
    assert token.isdigit()
