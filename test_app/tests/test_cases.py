"""`TWILIO_2FA_CASES` selects which cases of a parametrized test run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import cases


@given(count=st.integers(1, 300), most=st.integers(1, 12))
def test_the_few_are_as_many_as_asked_for(count: int, most: int) -> None:
    few = cases.numbers(count, f"{most}")
    assert len(few) == min(count, most)
    assert few <= cases.numbers(count, "all")


@pytest.mark.parametrize(
    ("asked", "chosen"), [("1", {0}), ("2", {0, 9}), ("3", {0, 4, 9}), ("5", {0, 2, 4, 7, 9})]
)
def test_the_few_are_spread_evenly(asked: str, chosen: set[int]) -> None:
    assert cases.numbers(10, asked) == chosen
