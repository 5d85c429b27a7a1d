"""`TWILIO_2FA_CASES` selects cases of parametrized tests. `TWILIO_2FA_TESTS` selects tests."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from essential_tests import SHARE, chosen
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.testing import ProviderContract, register_device

from . import cases, statements
from .people import PHONE, Person


@given(count=st.integers(1, 300), most=st.integers(1, 12))
def test_the_requested_number_of_cases_is_selected(count: int, most: int) -> None:
    kept = cases.numbers(count, f"{most}")
    assert len(kept) == min(count, most)
    assert kept <= cases.numbers(count, "all")


@pytest.mark.parametrize(
    ("asked", "chosen"), [("1", {0}), ("2", {0, 9}), ("3", {0, 4, 9}), ("5", {0, 2, 4, 7, 9})]
)
def test_selected_cases_are_spread_evenly(asked: str, chosen: set[int]) -> None:
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
def test_an_inherited_test_runs_for_one_class(name: str, left: list[str], monkeypatch: Any) -> None:
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


def item(name: str, mark: str = "") -> Any:
    """Return a stand-in for a test that pytest has collected."""
    return SimpleNamespace(
        nodeid=name,
        path=cases.ESSENTIAL.parent / name.partition("::")[0],
        function=lambda: None,
        get_closest_marker=lambda asked: asked if asked == mark else None,
    )


def test_essential_tests_are_those_of_the_list(listed: Path) -> None:
    items = [item(f"test_it.py::test_{name}") for name in ("one[x]", "two", "three")]
    assert cases.selected(items, ["essential"]) == items[:2]


@pytest.mark.parametrize("mark", ["server_database", "postgresql"])
def test_tests_that_need_a_database_server_are_selected(mark: str) -> None:
    items = [item("test_it.py::test_one"), item("test_races.py::test_a_race", mark=mark)]
    assert cases.selected(items, ["servers"]) == items[1:]


def test_all_tests_of_a_named_path_are_selected(listed: Path) -> None:
    items = [item("test_it.py::test_one"), item("test_it.py::test_two")]
    items += [item("models/test_rows.py::test_a_row"), item("pages/test_it.py::test_a_page")]
    assert cases.selected(items, ["models"]) == [items[2]]
    assert cases.selected(items, ["essential", "pages/test_it.py"]) == [*items[:2], items[3]]


def test_a_named_path_without_tests_is_an_error(listed: Path) -> None:
    with pytest.raises(pytest.UsageError, match="No tests in nowhere"):
        cases.selected([item("test_it.py::test_one")], ["test_it.py", "nowhere"])


def test_a_listed_test_that_does_not_exist_is_an_error(listed: Path) -> None:
    items = [item("test_it.py::test_one[x]"), item("test_it.py::test_three")]
    with pytest.raises(pytest.UsageError, match=r"do not exist.*test_two"):
        cases.selected(items, ["essential"])


def test_the_fastest_of_tests_that_execute_the_same_is_chosen() -> None:
    executed = {"": {0}, "slow": {0, 1, 2}, "fast": {1, 2}, "other": {2, 3}}
    assert sorted(chosen(executed, {"slow": 9, "fast": 1, "other": 1})) == ["fast", "other"]


EXECUTED = st.dictionaries(st.text("abc"), st.sets(st.integers(0, 99)), min_size=1)


@given(executed=EXECUTED, seconds=st.floats(0, 9))
def test_chosen_tests_execute_the_requested_share(executed: dict[str, set[int]], seconds: float) -> None:
    every = set().union(*executed.values())
    for share in (SHARE, 1):
        names = ["", *chosen(executed, {"a": seconds}, share)]
        assert len(set().union(*(executed.get(name, ()) for name in names))) >= share * len(every)


def test_a_test_that_executes_nothing_new_is_not_chosen() -> None:
    executed = {"one": {1, 2}, "two": {2, 3}, "three": {1, 3}}
    assert chosen(executed, {}, before=["one"]) in (["two"], ["three"])
    assert chosen(executed, {}, before=["one", "two"]) == []


def test_a_statement_is_recorded_with_its_function(demo: Person) -> None:
    with statements.noted() as found:
        demo.user.refresh_from_db()
    assert found == set()
    with statements.noted() as found:
        register_device(demo.user, PHONE)
    assert any(f.startswith("django_twilio_2fa/models/devices.py update_or_register: INSERT") for f in found)


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT 1 WHERE a IN (%s, %s) LIMIT 21", "SELECT N WHERE a IN (%s) LIMIT N"),
        ("INSERT INTO a VALUES (%s, %s), (%s, %s)", "INSERT INTO a VALUES (%s)"),
        ('RELEASE SAVEPOINT "s139_x2"', "RELEASE SAVEPOINT"),
    ],
)
def test_statements_that_differ_in_values_have_one_shape(sql: str, shape: str) -> None:
    assert statements.shape(sql) == shape


ROOT = Path(__file__).resolve().parents[2]
# The marks of tests that need more than Python.
SEPARATE = {"browser", "packaging", "served", "node"}


def selection(*command: str) -> str:
    """Return the expression of marks in what a make command would run."""
    # A make that runs these tests passes its own arguments on.
    inherited = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "CASES", "ARGS")
    env = {name: value for name, value in os.environ.items() if name not in inherited}
    planned = subprocess.run(
        ["make", "-n", *command], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    [found] = re.findall(r'-m "([^"]+)"', planned.stdout)
    return str(found)


@pytest.mark.parametrize(
    ("command", "left_out"),
    [
        (["test"], SEPARATE | {"slow"}),
        (["test", "CASES=2"], SEPARATE | {"slow"}),
        (["test", "CASES=all"], SEPARATE),
        (["test", "ARGS=-x"], SEPARATE),
    ],
)
def test_make_test_leaves_out_slow_tests_unless_all_run(command: list[str], left_out: set[str]) -> None:
    assert set(selection(*command).split(" and ")) == {f"not {mark}" for mark in left_out}


def test_make_test_rest_and_nox_select_by_the_same_marks() -> None:
    assert set(selection("test-rest").split(" or ")) == SEPARATE
    [expression] = re.findall(r'marks = ."-m", "([^"]+)"', (ROOT / "noxfile.py").read_text())
    assert set(expression.split(" and ")) == {f"not {mark}" for mark in SEPARATE}
