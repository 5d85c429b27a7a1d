"""Encrypted values in a session, which the browser may store."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.process.sealed import seal, unseal

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(VALUES, st.text())
def test_a_sealed_value_can_be_opened_for_the_same_purpose(value: Any, purpose: str) -> None:
    assert unseal(seal(value, purpose), purpose) == value
    assert unseal(seal(value, purpose), purpose + "x") is None


@given(st.text())
def test_unseal_returns_none_for_text_that_was_not_sealed(text: str) -> None:
    assert unseal(text, "test") is None


@given(st.integers(0, 1000), st.characters(codec="ascii"))
def test_unseal_returns_none_for_a_changed_value(place: int, character: str) -> None:
    sealed = seal({"secret": "JBSWY3DPEHPK3PXP"}, "test")
    place %= len(sealed)
    changed = sealed[:place] + character + sealed[place + 1 :]
    assert changed == sealed or unseal(changed, "test") is None


def test_the_same_value_is_sealed_differently_each_time() -> None:
    sealed = {seal("JBSWY3DPEHPK3PXP", "test") for _ in range(100)}
    assert len(sealed) == 100
    assert not any("JBSWY3DPEHPK3PXP" in text for text in sealed)


def test_a_value_sealed_with_an_earlier_key_can_be_opened(settings: Any) -> None:
    settings.TWILIO_2FA_SECRET_KEY = "one"
    sealed = seal("secret", "test")
    settings.TWILIO_2FA_SECRET_KEY = "two"
    assert unseal(sealed, "test") is None
    settings.TWILIO_2FA_SECRET_KEY_FALLBACKS = ["one"]
    assert unseal(sealed, "test") == "secret"


@pytest.mark.parametrize("text", [None, "", 0, {"secret": "x"}, b"bytes"])
def test_unseal_returns_none_for_values_of_earlier_releases(text: Any) -> None:
    assert unseal(text, "test") is None
