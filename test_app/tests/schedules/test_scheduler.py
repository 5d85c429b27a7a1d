"""The scheduler: it finds lost updates, notices threads that wait for a lock, and repeats a schedule."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F

from django_twilio_2fa.models import Counter

from .scheduler import CannotGoOn, Run, Scheduler
from .walk import Snapshot, Walk, format_schedule, parse_schedule

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def scheduler(transactional_db: None) -> Iterator[Scheduler]:
    with Scheduler() as scheduler:
        yield scheduler
    Snapshot.drop()


class Counts:
    """Requests that each add 1 to a row. The rule: no addition is lost."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.threads = dict(zip("abc", acts, strict=False))

    def prepare(self) -> None:
        for key in ("x", "y"):
            Counter.objects.create(scope="test", key=key, window=0)

    def requests(self) -> dict[str, Callable[[], object]]:
        return self.threads

    def broken_rules(self, run: Run) -> Iterator[str]:
        for error in run.errors.values():
            yield repr(error)
        if (n := Counter.objects.get(key="x").n) != len(self.threads):
            yield f"{n} counted"


def rows(key: str = "x") -> object:
    return Counter.objects.filter(scope="test", key=key)


def reads_and_writes() -> None:
    rows().update(n=rows().get().n + 1)


def counts() -> None:
    rows().update(n=F("n") + 1)


def locks_and_counts() -> None:
    with transaction.atomic():
        row = rows().select_for_update().get()
        rows().update(n=row.n + 1)


def compares_and_counts() -> None:
    while not rows().filter(n=(n := rows().get().n)).update(n=n + 1):
        pass


def test_a_lost_update_is_found_and_can_be_repeated(scheduler: Scheduler) -> None:
    walk = Walk(scheduler, Counts(reads_and_writes, reads_and_writes))
    # Without a switch no rule is broken.
    assert not walk.all(1).broken
    walked = walk.all(3)
    [(schedule, (run, broken))] = walked.broken.items()
    assert broken == ["1 counted"]
    assert f'TWILIO_2FA_SCHEDULE="{schedule}" breaks: 1 counted' in walked.report()
    again, broken = walk.run(parse_schedule(schedule))
    assert broken == ["1 counted"]
    assert [step.label for step in again.steps] == [step.label for step in run.steps]


@pytest.mark.parametrize("act", [counts, locks_and_counts, compares_and_counts])
@pytest.mark.parametrize("n", [2, 3])
def test_a_safe_update_breaks_no_rule(scheduler: Scheduler, act: Callable[[], None], n: int) -> None:
    walked = Walk(scheduler, Counts(*[act] * n)).all(4)
    assert not walked.broken
    assert walked.schedules > n


def test_a_thread_that_waits_for_a_lock_cannot_continue(scheduler: Scheduler) -> None:
    walk = Walk(scheduler, Counts(locks_and_counts, locks_and_counts))
    # Thread b begins and asks for the lock while a holds it and has not committed.
    run, broken = walk.run(parse_schedule("0a 2b"))
    assert not broken
    assert run.choices[4].states == ("ready", "blocked")
    assert run.choices[4].default == "a"
    assert not run.choices[4].others
    assert [(step.thread, step.label) for step in run.steps[4:6]] == [("a", "commit"), ("b", "has its lock")]


def test_threads_released_by_one_commit_go_on_one_at_a_time(scheduler: Scheduler) -> None:
    run, broken = Walk(scheduler, Counts(*[locks_and_counts] * 3)).run(parse_schedule("0a 2b 4c"))
    assert not broken
    assert run.choices[6].states == ("ready", "blocked", "blocked")
    assert sum(step.label == "has its lock" for step in run.steps) == 2


def test_a_deadlock_is_ended_by_the_server(scheduler: Scheduler) -> None:
    def both(first: str, second: str) -> Callable[[], None]:
        def act() -> None:
            with transaction.atomic():
                rows(first).update(n=F("n") + 1)
                with transaction.atomic():
                    list(rows(second).select_for_update())

        return act

    scheduler_of_writes = Scheduler("ab", every_write=True)
    with scheduler_of_writes:
        walked = Walk(scheduler_of_writes, Counts(both("x", "y"), both("y", "x"))).all(3, until=99)
    found = [error for run, _broken in walked.broken.values() for error in run.errors.values()]
    assert any(isinstance(e, OperationalError) and "deadlock" in str(e) for e in found)


def test_a_thread_that_sleeps_lets_the_others_continue(scheduler: Scheduler) -> None:
    def waits() -> None:
        until = time.monotonic() + 3
        while not rows().get().n and time.monotonic() < until:
            time.sleep(0.05)
        rows().update(n=F("n") + 1)

    began = time.monotonic()
    walk = Walk(scheduler, Counts(waits, counts))
    run, broken = walk.run({})
    assert not broken
    assert [step.label for step in run.steps if step.thread == "a"][1] == "sleep"
    # In this schedule the waiting request times out, which takes no real time.
    run, broken = walk.run(parse_schedule("1a"))
    assert not broken
    assert [step.thread for step in run.steps] == ["a", "a", "a", "b", "b"]
    assert time.monotonic() < began + 3


def test_independent_steps_are_not_run_in_every_order(scheduler: Scheduler) -> None:
    def elsewhere() -> None:
        with connection.cursor() as cursor:
            for _ in range(4):
                cursor.execute("UPDATE twilio_2fa_lock SET until = until")

    def counts_often() -> None:
        for _ in range(4):
            rows().update(n=F("n") + 1)

    related = Walk(scheduler, Counts(counts_often, partial(counts_often))).all(3, until=999)
    unrelated = Walk(scheduler, Counts(counts_often, elsewhere)).all(3, until=999)
    assert unrelated.schedules < related.schedules


@pytest.mark.parametrize("n", [2, 3])
def test_equal_requests_are_run_in_one_order(scheduler: Scheduler, n: int) -> None:
    class Orders(Counts):
        """Record the order of steps of each run. Threads are numbered in the order in which they begin."""

        def __init__(self, *acts: Callable[[], object]) -> None:
            super().__init__(*acts)
            self.seen: set[object] = set()

        def broken_rules(self, run: Run) -> Iterator[str]:
            names = list(dict.fromkeys(step.thread for step in run.steps))
            self.seen.add(tuple((names.index(step.thread), step.label) for step in run.steps))
            return super().broken_rules(run)

    same = Orders(*[reads_and_writes] * n)
    different = Orders(*[partial(reads_and_writes) for _ in range(n)])
    walks = [Walk(scheduler, orders).all(3, until=9999) for orders in (same, different)]
    assert same.seen == different.seen
    assert walks[0].broken
    assert walks[0].schedules < walks[1].schedules


def test_a_schedule_for_other_code_is_refused(scheduler: Scheduler) -> None:
    walk = Walk(scheduler, Counts(counts, counts))
    with pytest.raises(CannotGoOn, match="c cannot go on before step 0"):
        walk.run(parse_schedule("0c"))
    # The threads can make another run.
    run, broken = walk.run({})
    assert not broken
    assert format_schedule(run.switches) == "0a"
