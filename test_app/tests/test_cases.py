"""`TWILIO_2FA_CASES` selects which cases of a parametrized test run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.testing import ProviderContract

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


class Here(ProviderContract):
    """A class that inherits the tests of the contract."""


class There(ProviderContract):
    """Another class that inherits the same tests."""


def inherited(name: str) -> list[Any]:
    """Return the test as pytest collects it, once for each class."""
    return [
        SimpleNamespace(
            nodeid=f"test_it.py::{owner.__name__}::{name}",
            function=getattr(owner, name),
            get_closest_marker=lambda name: None,
        )
        for owner in (Here, There)
    ]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("test_a_token_works_once", ["Here"]),
        # It needs a database with row locks.
        ("test_concurrent_sends_are_one_send", ["Here", "There"]),
    ],
)
def test_a_test_that_classes_inherit_runs_for_one_of_them(
    name: str, left: list[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("TWILIO_2FA_CASES", "1")
    items = inherited(name)
    config: Any = SimpleNamespace(hook=SimpleNamespace(pytest_deselected=lambda items: None))
    cases.leave_out(config, items)
    assert [item.nodeid.split("::")[1] for item in items] == left
