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
    """Deselect the cases that are not asked for. Tests that need a database server keep all of theirs."""
    asked = os.environ.get("TWILIO_2FA_CASES", "all")
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        alone = item.get_closest_marker("server_database")
        tests.setdefault(item.nodeid if alone else item.nodeid.partition("[")[0], []).append(item)
    chosen = {id(found[n]) for found in tests.values() for n in numbers(len(found), asked)}
    if left_out := [item for item in items if id(item) not in chosen]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if id(item) in chosen]
