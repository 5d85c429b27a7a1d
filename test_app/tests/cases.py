"""Select tests, and some of their parameters.

`TWILIO_2FA_TESTS="essential servers models"` selects the essential tests, those that need a database server,
and all tests in a folder or file. `TWILIO_2FA_CASES` sets how many cases of each test run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# Tests that together execute every statement of SQL, and nearly every branch, that the suite executes on
# SQLite. `make essential` writes the list.
ESSENTIAL = Path(__file__).with_name("essential.txt")


def numbers(count: int, asked: str) -> set[int]:
    """Return the numbers, from 0, of the cases to run. `count` is the number of all cases.

    `asked` is `all` or a maximum: then the first, the last, and some cases between them run.
    """
    if asked == "all" or count <= int(asked):
        return set(range(count))
    most = int(asked)
    return {round(n * (count - 1) / max(most - 1, 1)) for n in range(most)}


def leave_out(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Deselect the tests and the cases that the environment variables do not select.

    If several classes inherit a test, as with the contract for providers, each class is a case of it.
    """
    asked = os.environ.get("TWILIO_2FA_CASES", "all")
    tests: dict[str, list[pytest.Function]] = {}
    words = os.environ.get("TWILIO_2FA_TESTS", "").split()
    for item in selected(items, words) if words else items:
        tests.setdefault(item.nodeid if keeps_all(item) else name_of(item.function), []).append(item)
    chosen = {id(found[n]) for found in tests.values() for n in numbers(len(found), asked)}
    if left_out := [item for item in items if id(item) not in chosen]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if id(item) in chosen]


def selected(items: list[pytest.Function], words: Sequence[str]) -> list[pytest.Function]:
    """Return the tests that a word selects: `essential`, `servers`, or the path of a folder or file.

    Raises UsageError if a test that is listed as essential is missing, or if a path has no tests.
    """
    wanted = {id(item) for word in words for item in selected_by(word, items)}
    return [item for item in items if id(item) in wanted]


def selected_by(word: str, items: list[pytest.Function]) -> list[pytest.Function]:
    """Return the tests that this word selects."""
    if word == "servers":
        return [item for item in items if needs_server(item)]
    if word == "essential":
        listed = set(ESSENTIAL.read_text().split())
        if missing := listed - {without_parameters(item.nodeid) for item in items}:
            raise pytest.UsageError(
                f"{ESSENTIAL.name} lists tests that do not exist: {', '.join(sorted(missing))}"
            )
        return [item for item in items if without_parameters(item.nodeid) in listed]
    found = [item for item in items if item.path.is_relative_to(ESSENTIAL.parent / word)]
    if not found:
        raise pytest.UsageError(f"No tests in {word}")
    return found


def without_parameters(nodeid: str) -> str:
    """Return the ID of a test without its parameters."""
    return nodeid.partition("[")[0]


def name_of(function: Any) -> str:
    """Return the module and the name of a function: `module.Class.name`."""
    return f"{function.__module__}.{function.__qualname__}"


def needs_server(item: pytest.Function) -> bool:
    """Return whether a test needs a database server. On SQLite it is skipped."""
    if item.get_closest_marker("server_database") or item.get_closest_marker("postgresql"):
        return True
    # The contract has no pytest marks. To skip a test, it calls the method `needs_row_locks`.
    return "needs_row_locks" in item.function.__code__.co_names


def keeps_all(item: pytest.Function) -> bool:
    """Return whether a test always runs with all of its parameters."""
    return "/checks/" in item.nodeid or needs_server(item)
