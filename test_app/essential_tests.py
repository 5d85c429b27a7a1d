"""Write the list of the tests that together execute nearly all that the suite executes: `make essential`.

Runs the suite once, with branch coverage. A variation of a test executes little that the test does not, so a
fifth of the tests, which take a tenth of the time, execute nearly every branch. Arguments go to pytest.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from tests.cases import ESSENTIAL, without_parameters

# Tests that execute all branches take twice as long.
SHARE = 0.985


class Times:
    """A plugin for pytest that adds up the seconds of each test."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[without_parameters(report.nodeid)] += report.duration


def executed(path: str) -> dict[str, set[int]]:
    """Return the branches that each test executes, as numbers. Those of no test are under an empty name.

    The tables: https://coverage.readthedocs.io/en/latest/dbschema.html
    """
    found: dict[str, set[int]] = defaultdict(set)
    numbers: dict[tuple[int, int, int], int] = {}
    with sqlite3.connect(path) as data:
        rows = data.execute(
            "SELECT context, file_id, fromno, tono FROM arc JOIN context ON context.id = context_id"
        )
        for context, *branch in rows:
            name = without_parameters(context.partition("|")[0])
            found[name].add(numbers.setdefault(tuple(branch), len(numbers)))
    return found


def chosen(found: Mapping[str, set[int]], seconds: Mapping[str, float]) -> list[str]:
    """Return tests that execute `SHARE` of all branches. Next comes the one that adds most for its time."""
    covered = set(found.get("", ()))
    enough = SHARE * len(set().union(*found.values()))

    def value(name: str) -> float:
        return len(found[name] - covered) / max(seconds.get(name, 0), 0.003)

    names: list[str] = []
    waiting = [(-value(name), name) for name in found if name]
    heapq.heapify(waiting)
    while len(covered) < enough:
        _, name = heapq.heappop(waiting)
        # Tests that were chosen meanwhile may have made this one less valuable.
        if waiting and value(name) < -waiting[0][0]:
            heapq.heappush(waiting, (-value(name), name))
            continue
        names.append(name)
        covered |= found[name]
    return names


def main() -> int:
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"COVERAGE_FILE": f"{folder}/coverage", "TWILIO_2FA_CASES": "1"}
        status = pytest.main(["-q", "--cov", "--cov-context=test", "--cov-report=", *sys.argv[1:]], [times])
        if status:
            return int(status)
        names = chosen(executed(f"{folder}/coverage"), times.seconds)
    ESSENTIAL.write_text("".join(f"{name}\n" for name in sorted(names)))
    taken = sum(times.seconds[name] for name in names)
    print(f"{len(names)} tests, which took {taken:.0f} of {times.seconds.total():.0f} s: {ESSENTIAL}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
