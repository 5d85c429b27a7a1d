"""Write the list of tests that together execute nearly everything that the suite executes: `make essential`.

Runs the suite once, with branch coverage, and records the SQL statements. A variation of a test executes
little in addition, so a fourth of the tests execute every statement and nearly every branch. Arguments go to
pytest.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.cases import ESSENTIAL, without_parameters

# The share of the branches to execute. Tests that execute all branches take twice as long.
SHARE = 0.985

# The branches or statements of each test, as numbers. The name is empty for those outside of tests.
Executed = dict[str, set[int]]


class Reports:
    """A pytest plugin that records the seconds and the SQL statements of each test."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.statements: Executed = defaultdict(set)
        self.numbers: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = without_parameters(report.nodeid)
        self.seconds[name] += report.duration
        for statement in dict(report.user_properties).get("statements", ()):
            self.statements[name].add(self.numbers.setdefault(statement, len(self.numbers)))


def branches(path: str) -> Executed:
    """Return the branches that each test executes.

    The tables: https://coverage.readthedocs.io/en/latest/dbschema.html
    """
    found: Executed = defaultdict(set)
    numbers: dict[tuple[int, int, int], int] = {}
    with sqlite3.connect(path) as data:
        rows = data.execute(
            "SELECT context, file_id, fromno, tono FROM arc JOIN context ON context.id = context_id"
        )
        for context, *branch in rows:
            name = without_parameters(context.partition("|")[0])
            found[name].add(numbers.setdefault(tuple(branch), len(numbers)))
    return found


def chosen(
    found: Executed, seconds: Mapping[str, float], share: float = 1, before: Sequence[str] = ()
) -> list[str]:
    """Return tests that, together with those in `before`, execute the given share of all that is in `found`.

    Chooses the test that adds most for its time, until there are enough.
    """
    covered = set().union(*(found.get(name, ()) for name in ("", *before)))
    enough = share * len(set().union(*found.values()))

    def value(name: str) -> float:
        return len(found[name] - covered) / max(seconds.get(name, 0), 0.003)

    names: list[str] = []
    waiting = [(-value(name), name) for name in found if name]
    heapq.heapify(waiting)
    while len(covered) < enough:
        _, name = heapq.heappop(waiting)
        # Tests chosen since then may have reduced the value of this test.
        if waiting and value(name) < -waiting[0][0]:
            heapq.heappush(waiting, (-value(name), name))
            continue
        names.append(name)
        covered |= found[name]
    return names


def main() -> int:
    reports = Reports()
    options = ["-q", "-p", "tests.statements", "--cov", "--cov-context=test", "--cov-report="]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"COVERAGE_FILE": f"{folder}/coverage", "TWILIO_2FA_CASES": "1"}
        status = pytest.main([*options, *sys.argv[1:]], [reports])
        if status:
            return int(status)
        found = branches(f"{folder}/coverage")
    names = chosen(reports.statements, reports.seconds)
    names += chosen(found, reports.seconds, SHARE, names)
    ESSENTIAL.write_text("".join(f"{name}\n" for name in sorted(names)))
    taken = sum(reports.seconds[name] for name in names)
    print(  # noqa: T201
        f"{len(names)} tests, which took {taken:.0f} of {reports.seconds.total():.0f} s, execute"
        f" {len(reports.numbers)} statements and {SHARE:.1%} of the branches: {ESSENTIAL}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
