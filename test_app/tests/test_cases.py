"""`TWILIO_2FA_CASES` selects which cases of a parametrized test run, `TWILIO_2FA_TESTS` which tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from essential_tests import SHARE, chosen
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


@pytest.fixture
def listed(monkeypatch: Any, tmp_path: Path) -> Path:
    path = tmp_path / "essential.txt"
    path.write_text("test_it.py::test_one\ntest_it.py::test_two\n")
    monkeypatch.setattr(cases, "ESSENTIAL", path)
    return path


def test_essential_tests_are_those_of_the_list(listed: Path) -> None:
    items: Any = [SimpleNamespace(nodeid=f"test_it.py::test_{name}") for name in ("one[x]", "two", "three")]
    assert cases.essential(items) == items[:2]


def test_a_listed_test_that_does_not_exist_is_an_error(listed: Path) -> None:
    items: Any = [SimpleNamespace(nodeid=f"test_it.py::test_{name}") for name in ("one[x]", "three")]
    with pytest.raises(pytest.UsageError, match=r"do not exist.*test_two"):
        cases.essential(items)


def test_of_tests_that_execute_the_same_the_fastest_is_chosen() -> None:
    executed = {"": {0}, "slow": {0, 1, 2}, "fast": {1, 2}, "other": {2, 3}}
    assert sorted(chosen(executed, {"slow": 9, "fast": 1, "other": 1})) == ["fast", "other"]


@given(
    executed=st.dictionaries(st.text("abc"), st.sets(st.integers(0, 99)), min_size=1), seconds=st.floats(0, 9)
)
def test_chosen_tests_execute_nearly_every_branch(executed: dict[str, set[int]], seconds: float) -> None:
    covered = set(executed.get("", ())).union(*(executed[name] for name in chosen(executed, {"a": seconds})))
    assert len(covered) >= SHARE * len(set().union(*executed.values()))
