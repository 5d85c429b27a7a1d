"""Codes as people type them: reduced to digits or refused."""

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
def test_spaces_and_dashes_are_ignored(text: str) -> None:
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
def test_text_that_is_not_a_code_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidVerificationCode):
        normalize(text, 6)


MESSAGES = [
    "Your Shop verification code is: {code}",
    "Your Shop verification code is: {code}. Don't share this code with anyone; it expires in 10 minutes.",
    "{code} is your Shop code.",
    "Ihr Code lautet: {code}.",
    "[27/11/2026, 22:18] Shop: Your code is {code}",
    "Shop24: #{code}",
    "{code} is your code. @shop.example #{code}",
    "\u3010Shop\u3011\u60a8\u7684\u9a8c\u8bc1\u7801\u662f\uff1a{code}\u3002",
    "\u8a8d\u8a3c\u30b3\u30fc\u30c9\u306f{code}\u3067\u3059",
    "\u0631\u0645\u0632 \u0627\u0644\u062a\u062d\u0642\u0642: {code}",
    "Your code for the payment of 1500.00 EUR to Shop is ({code})",
    "You pay $150000. Code: {code}",
    "Questions? Call +1 202 555 0143. Code: '{code}'",
]


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("code", ["123456", "123 456", "123-456", "\u0661\u0662\u0663\u0664\u0665\u0666"])
def test_the_code_is_found_in_the_whole_message(message: str, code: str) -> None:
    assert normalize(message.format(code=code), 6) == "123456"


@pytest.mark.parametrize(
    "text",
    [
        "call 12 34 56 78",
        "code 123456 or 654321",
        "Your code is 12345",
        "Order 7 123456",
        "https://shop.example/123456",
        "123456.00",
        "EUR 1,123456",
        "$123456",
        "v123456",
        "+1 23456",
        "sam@123456",
        "\u00bd123456",
        "code:\0 123456",
        "x" * 1000 + " 123456",
    ],
)
def test_a_text_with_no_code_or_several_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidVerificationCode):
        normalize(text, 6)


WORDS = st.text(
    st.characters(exclude_categories=["Nd", "No", "Nl", "Cc", "Cs", "Sc"], exclude_characters="_+%&=/\\@")
)


@given(WORDS, st.from_regex(r"[0-9]{3}[ -]?[0-9]{3}", fullmatch=True), WORDS)
def test_words_around_a_code_do_not_count(before: str, code: str, after: str) -> None:
    expected = code.replace(" ", "").replace("-", "")
    assert normalize(f"{before} {code} {after}", 6) == expected


@given(WORDS, st.text("0123456789 -", min_size=1, max_size=20), st.text("0123456789 -", max_size=20))
def test_parts_of_longer_numbers_are_not_read_as_a_code(words: str, one: str, other: str) -> None:
    # A code is one whole run of digits.
    runs = ["".join(c for c in run if c.isdigit()) for run in (one, other)]
    try:
        assert normalize(f"{one}: {words}: {other}", 6) in runs
    except errors.InvalidVerificationCode:
        assert len({run for run in runs if len(run) == 6}) != 1


@given(st.text())
def test_any_text_gives_digits_or_our_error(text: str) -> None:
    try:
        token = normalize(text, 6)
    except errors.InvalidVerificationCode:
        return
    assert len(token) == 6
    assert token.isascii()
    assert token.isdigit()
