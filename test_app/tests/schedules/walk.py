"""Run all orders of some requests with a limited number of switches, and report those that break a rule.

A schedule lists the steps before which it switches, each with the thread that goes on. `0b 4a` begins with
thread b and switches to thread a before step 4. Between two switches a thread runs until it ends or has to
wait. The choice of the first thread does not count as a switch, and neither does a switch because a thread
waits for a lock. The last switch counts, which comes by itself when a thread has ended.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from django.db import connection

from .scheduler import CannotGoOn, Run, Scheduler, Step

# The seconds after which a scene is prepared again, because its rows hold times.
FRESH = 60.0
# The number of tries of a schedule whose threads get a row in another order than in the run that it extends.
REPEATS = 100


class Scene(Protocol):
    """Requests, the rows before them, and the rules that hold after them."""

    def prepare(self) -> None: ...

    def requests(self) -> Mapping[str, Callable[[], object]]: ...

    def broken_rules(self, run: Run) -> Iterator[str]:
        """Yield the rules that a run has broken."""


def format_schedule(switches: Mapping[int, str]) -> str:
    return " ".join(f"{step}{thread}" for step, thread in sorted(switches.items())) or "0a"


def parse_schedule(text: str) -> dict[int, str]:
    return {int(step): thread for step, thread in re.findall(r"(\d+)([a-z])", text)}


def list_steps(run: Run) -> str:
    """Return the steps of a run, one on each line."""
    return "\n".join(f"    {n:3} {step.thread} {step.label}" for n, step in enumerate(run.steps))


@dataclass
class WalkResult:
    """The counts of a walk, and the schedules that broke a rule."""

    schedules: int = 0
    redundant: int = 0
    unrepeated: int = 0
    steps: int = 0
    seconds: float = 0.0
    broken: dict[str, tuple[Run, list[str]]] = field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.schedules / self.seconds if self.seconds else 0
        return (
            f"{self.schedules} schedules of up to {self.steps} steps, {self.redundant} left out as equal, "
            f"{self.unrepeated} that PostgreSQL did not repeat, {self.seconds:.1f} s, {rate:.0f} a second"
        )

    def report(self) -> str:
        """Return each schedule that breaks a rule, as the setting that runs it again, and its steps."""
        return "\n".join(
            f'TWILIO_2FA_SCHEDULE="{schedule}" breaks: {"; ".join(broken)}\n{list_steps(run)}'
            for schedule, (run, broken) in self.broken.items()
        )


class Snapshot:
    """A copy of the tables, restored before each run."""

    def __init__(self) -> None:
        self.dirty: set[str] = set()
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self.tables = [name for name in names if not name.startswith(("django_content", "auth_perm"))]
        copies = "".join(f'CREATE UNLOGGED TABLE snapshot."{t}" AS TABLE public."{t}";' for t in self.tables)
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute(f"DROP SCHEMA IF EXISTS snapshot CASCADE; CREATE SCHEMA snapshot; {copies}")

    def restore(self, dirty: set[str]) -> None:
        """Restore the tables named in `dirty`, which a run has written to."""
        names = sorted({table.split()[0] for table in dirty} & set(self.tables))
        back = "".join(
            f'DELETE FROM public."{t}"; INSERT INTO public."{t}" SELECT * FROM snapshot."{t}";' for t in names
        )
        if back:
            with connection.cursor() as cursor:
                # The tables are restored as a whole, so their foreign keys need no check.
                cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {back} COMMIT")

    @staticmethod
    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS snapshot CASCADE")


class Walk:
    """The schedules of one scene."""

    def __init__(self, scheduler: Scheduler, scene: Scene) -> None:
        self.scheduler, self.scene = scheduler, scene
        self.snapshot: Snapshot | None = None
        self.dirty: set[str] = set()
        self.prepared = 0.0
        self.requests: Mapping[str, Callable[[], object]] = {}

    def run(self, switches: Mapping[int, str]) -> tuple[Run, list[str]]:
        """Run one schedule. Return the run and the rules that it breaks."""
        if self.snapshot is None or time.monotonic() > self.prepared + FRESH:
            if self.snapshot is not None:
                self.snapshot.restore(self.dirty)
            self._clear()
            self.scene.prepare()
            self.snapshot, self.prepared = Snapshot(), time.monotonic()
        else:
            self.snapshot.restore(self.dirty)
        try:
            self.requests = self.scene.requests()
            run = self.scheduler.run(self.requests, switches)
        finally:
            self.dirty = {table for step in self.scheduler.steps for table in step.writes}
        return run, [*run.broken, *self.scene.broken_rules(run)]

    def repeat(self, switches: Mapping[int, str]) -> tuple[Run, list[str]] | None:
        """Run a schedule that extends an earlier run. Return None if that run cannot be repeated.

        If two threads wait for a row, PostgreSQL decides which of them gets it first.
        """
        for _ in range(REPEATS):
            with suppress(CannotGoOn):
                return self.run(switches)
        return None

    def is_out_of_turn(self, thread: str, before: list[Step]) -> bool:
        """Return whether a thread would begin before an earlier thread that makes the same request.

        Such a run has the same result as beginning in turn, with the names of the two threads exchanged.
        """
        begun = {step.thread for step in before}
        waiting = [name for name in self.requests if name not in begun]
        same = [name for name in waiting if self.requests[name] == self.requests[thread]]
        return thread in same[1:]

    def _clear(self) -> None:
        with connection.cursor() as cursor:
            names = connection.introspection.django_table_names(only_existing=True, include_views=False)
            kept = ("django_content", "auth_perm", "django_migrations")
            tables = ", ".join(f'"{n}"' for n in names if not n.startswith(kept))
            cursor.execute(f"TRUNCATE {tables} CASCADE")

    def all(self, switches: int, *, until: int = 1) -> WalkResult:
        """Run all schedules with up to `switches` switches, at least 1.

        If schedules differ only in the order of independent steps, one of them is run. Threads that make the
        same request begin in the order of their names. The walk stops after `until` schedules have broken a
        rule.
        """
        walked, began = WalkResult(), time.monotonic()
        # Schedules by their number of switches, so that a state is first reached with the fewest switches.
        waiting: list[list[dict[int, str]]] = [[{}], *([] for _ in range(switches - 1))]
        seen: set[tuple[object, ...]] = set()
        for cost, chosen in fewest_switches_first(waiting):
            found = self.repeat(chosen)
            if found is None:
                walked.unrepeated += 1
                continue
            run, broken = found
            walked.schedules += 1
            walked.steps = max(walked.steps, len(run.steps))
            if broken:
                walked.broken[format_schedule(chosen)] = (run, broken)
                if len(walked.broken) >= until:
                    break
            states = traces(run)
            for n in range(max(chosen, default=0), len(run.steps)):
                choice = run.choices[n]
                seen.add((states[n], choice.states, run.steps[n].thread))
                if n in chosen:
                    continue
                for thread, price in choice.others.items():
                    if cost + price >= switches:
                        continue
                    key = (states[n], choice.states, thread)
                    if key in seen or self.is_out_of_turn(thread, run.steps[:n]):
                        walked.redundant += 1
                        continue
                    seen.add(key)
                    waiting[cost + price].append({**chosen, n: thread})
        walked.seconds = time.monotonic() - began
        return walked


def fewest_switches_first(waiting: list[list[dict[int, str]]]) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the schedules in the order of their switches, including schedules that are added meanwhile."""
    for cost, schedules in enumerate(waiting):
        while schedules:
            yield cost, schedules.pop()


def traces(run: Run) -> list[int]:
    """Return a number for each step that stands for the history before the step.

    The number is the same for two runs whose dependent steps came in the same order (Mazurkiewicz, "Trace
    theory", 1987). The rows and the state of each thread are then the same, too.
    """
    ids: list[int] = []
    counted: dict[str, int] = {}
    for n, step in enumerate(run.steps):
        after = frozenset(
            ids[m]
            for m in range(n)
            if run.steps[m].thread == step.thread or not step.is_independent_of(run.steps[m])
        )
        counted[step.thread] = counted.get(step.thread, 0) + 1
        ids.append(hash((step.thread, counted[step.thread], step.label, after)))
    return [hash(frozenset(ids[:n])) for n in range(len(ids) + 1)]
