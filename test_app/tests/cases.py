"""Run parametrized tests with some of their parameters: `TWILIO_2FA_CASES`."""

from __future__ import annotations

import os

import pytest


def numbers(count: int, asked: str) -> set[int]:
    """Return which of `count` cases are asked for, by their numbers from 0.

    `asked` is `all`; or a number, for at most so many: the first, the last, and some between them.
    """
    if asked == "all" or count <= int(asked):
        return set(range(count))
    most = int(asked)
    return {round(n * (count - 1) / max(most - 1, 1)) for n in range(most)}


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases that are not asked for.

    Where several classes inherit a test, as those of the contract for providers do, each class is a case.
    """
    asked = os.environ.get("TWILIO_2FA_CASES", "all")
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid if keeps_all(item) else definition(item), []).append(item)
    chosen = {id(found[n]) for found in tests.values() for n in numbers(len(found), asked)}
    if left_out := [item for item in items if id(item) not in chosen]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if id(item) in chosen]


def definition(item: pytest.Item) -> str:
    """Return the name of the function that is the test, with its module."""
    function = item.function  # type: ignore[attr-defined]
    return f"{function.__module__}.{function.__qualname__}"


def keeps_all(item: pytest.Item) -> bool:
    """Return whether all cases of the test are run, because it needs a database server or is quick."""
    if "/checks/" in item.nodeid or item.get_closest_marker("server_database"):
        return True
    return "needs_row_locks" in item.function.__code__.co_names  # type: ignore[attr-defined]
