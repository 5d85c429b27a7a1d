"""Run requests on real threads, one at a time, and decide at each point which thread goes on.

A thread has a point before the first write of a transaction, before the commit, before and after a call to
Twilio, at each sleep, and when it gets a lock after waiting for it. A step is what a thread does between two
points. The scheduler needs PostgreSQL, which reports the threads that wait for a lock.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from unittest import mock

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_twilio_2fa.sandbox.http import SandboxHttpClient

# The seconds before PostgreSQL is asked whether a step waits for a lock, and before the run fails.
PATIENCE = 0.004
GIVE_UP = 20.0
# The seconds that a sleeping thread skips if no other thread makes a step: longer than any wait.
LONG = 60.0

READ, WRITE, LOCK = "read", "write", "lock"
TABLE = re.compile(r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?', re.IGNORECASE)
KEY = re.compile(r"[a-z0-9]{32}")

real_sleep, real_monotonic = time.sleep, time.monotonic
local = threading.local()


def parse(sql: str, params: Any = ()) -> tuple[str, frozenset[str]]:
    """Return the kind of a statement and its tables. Each session counts as a separate table."""
    verb = sql.lstrip("( ")[:6].upper()
    tables = set(TABLE.findall(sql))
    if "django_session" in tables:
        keys = [p for p in params or () if isinstance(p, str) and KEY.fullmatch(p)]
        tables = (tables - {"django_session"}) | {f"django_session {key}" for key in keys}
    if verb in ("INSERT", "UPDATE", "DELETE"):
        return WRITE, frozenset(tables)
    if verb == "SELECT":
        return (LOCK if " FOR UPDATE" in sql else READ), frozenset(tables)
    return "", frozenset()


@dataclass
class Step:
    """The work of a thread between two points. `reads` and `writes` are tables."""

    thread: str
    label: str
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)

    def is_independent_of(self, other: Step) -> bool:
        """Return whether both orders of the two steps have the same result."""
        return not (
            self.writes & (other.reads | other.writes)
            or other.writes & self.reads
            or (self.calls_twilio and other.calls_twilio)
        )

    @property
    def calls_twilio(self) -> bool:
        return self.label.startswith("twilio ")


@dataclass(frozen=True)
class Call:
    """A request to Twilio and its answer. `step` is the number of the step that made it."""

    thread: str
    step: int
    method: str
    path: str
    values: dict[str, Any]
    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """The thread that runs next by default, and the cost of switching to each of the others."""

    default: str
    others: dict[str, int]
    states: tuple[str, ...]
    """The state of each thread: ready, asleep, woken, blocked or done."""


class CannotGoOn(Exception):
    """The schedule names a thread that cannot run now. The schedule was made for other code."""


class Abandoned(BaseException):
    """Raised in the threads of a run that is aborted. A BaseException, so that no view catches it."""


Events = SimpleQueue["tuple[Worker, str, str]"]
"""The reports of threads: the thread, its state (ready, asleep, done) and the label of its next step."""


class Worker(threading.Thread):
    """A thread with its own connection, which runs one request after the other."""

    def __init__(self, name: str, events: Events, *, every_write: bool) -> None:
        super().__init__(name=name, daemon=True)
        self.every_write = every_write
        self.events = events
        self.jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self.may_go: SimpleQueue[bool] = SimpleQueue()
        self.state, self.label, self.pid = "done", "", 0
        self.result: Any = None
        self.error: BaseException | None = None
        self.asleep_since = -1
        self.clock = 0.0
        self.in_twilio = False
        self.may_block = self.had_to_wait = False
        self.step = Step(name, "")
        self.unwritten: set[str] = set()
        self.statements = 0

    def run(self) -> None:
        local.worker = self
        self.connect()
        self.events.put((self, "done", ""))
        with connection.execute_wrapper(self.statement):
            while job := self.jobs.get():
                self.result, self.error = None, None
                try:
                    self.connect()
                    self.point("begins")
                    self.result = job()
                except BaseException as e:
                    self.error = e
                    if isinstance(e, Abandoned):
                        # Django leaves the transaction open if the commit raises.
                        connection.in_atomic_block = False
                        connection.close()
                self.events.put((self, "done", ""))
        connections.close_all()

    def connect(self) -> None:
        if connection.connection is None:
            connection.ensure_connection()
            with connection.cursor() as cursor:
                # The rows need not survive a crash of the server.
                cursor.execute("SET synchronous_commit = off")
        self.pid = connection.connection.info.backend_pid

    def point(self, label: str, asleep: bool = False) -> None:
        """Report the next step, and wait until the scheduler lets this thread go on."""
        self.events.put((self, "asleep" if asleep else "ready", label))
        if not self.may_go.get():
            raise Abandoned

    def end_transaction(self) -> None:
        self.step.writes |= self.unwritten
        self.unwritten, self.statements = set(), 0

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        does, tables = parse(sql, params)
        if self.unwritten and does:
            self.statements += 1
        if does in (WRITE, LOCK):
            if not self.in_twilio and (self.every_write or not self.unwritten):
                self.point(f"{sql.split()[0].lower()} {' '.join(sorted(t.split()[0] for t in tables))}")
            self.step.writes |= tables
            if context["connection"].in_atomic_block:
                self.unwritten |= tables
        else:
            self.step.reads |= tables
            return execute(sql, params, many, context)
        self.had_to_wait, self.may_block = False, True
        try:
            return execute(sql, params, many, context)
        finally:
            self.may_block = False
            if self.had_to_wait:
                # One commit may release several threads. They go on one at a time, like all threads.
                self.point("has its lock")
                self.step.writes |= tables


def _worker() -> Worker | None:
    return getattr(local, "worker", None)


def _commit(original: Any, wrapper: BaseDatabaseWrapper) -> Any:
    worker = _worker()
    if worker is not None and worker.unwritten:
        # A transaction of one statement has no point of its own for the commit: others see both at once.
        if worker.statements and not worker.in_twilio:
            worker.point("commit")
        worker.end_transaction()
    return original(wrapper)


def _rollback(original: Any, wrapper: BaseDatabaseWrapper) -> Any:
    if (worker := _worker()) is not None:
        worker.end_transaction()
    return original(wrapper)


def _sleep(seconds: float) -> None:
    worker = _worker()
    if worker is None:
        real_sleep(seconds)
    else:
        worker.point("sleep", asleep=True)


def _monotonic() -> float:
    worker = _worker()
    # Requests time out by this clock. The scheduler moves it, so that a busy machine changes nothing.
    return real_monotonic() if worker is None else worker.clock


class Scheduler:
    """The threads that all runs share. Use as a context manager."""

    def __init__(self, names: str = "abc", *, every_write: bool = False) -> None:
        """Create the threads. With `every_write`, each statement that writes has a point before it."""
        self.events: Events = SimpleQueue()
        self.workers = {name: Worker(name, self.events, every_write=every_write) for name in names}
        self.calls: list[Call] = []
        self.steps: list[Step] = []
        self.broken: list[str] = []

    def __enter__(self) -> Scheduler:
        self.stack = ExitStack()
        original = SandboxHttpClient.request
        request = partial(self._request, original)
        patches: list[tuple[Any, str, Any]] = [
            (SandboxHttpClient, "request", lambda client, *args, **kwargs: request(client, *args, **kwargs)),
            (time, "sleep", _sleep),
            (time, "monotonic", _monotonic),
        ]
        for name, act in (("commit", _commit), ("rollback", _rollback)):
            before = getattr(BaseDatabaseWrapper, name)
            patches.append((BaseDatabaseWrapper, name, partialmethod_of(act, before)))
        for target, name, new in patches:
            self.stack.enter_context(mock.patch.object(target, name, new))
        for worker in self.workers.values():
            worker.start()
            self.events.get(timeout=GIVE_UP)
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in self.workers.values():
            worker.jobs.put(None)
            worker.join(GIVE_UP)
        self.stack.close()

    def _request(self, original: Any, client: Any, method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        worker = _worker()
        if worker is None:
            return original(client, method, uri, *args, **kwargs)
        if connection.in_atomic_block:
            self.broken.append(f"{worker.name} calls Twilio within a transaction")
        path = uri.partition("/Services/")[2].partition("/")[2]
        worker.point(f"twilio {method} {path}")
        number, values = len(self.steps), {**(kwargs.get("params") or {}), **(kwargs.get("data") or {})}
        worker.in_twilio = True
        try:
            answer = original(client, method, uri, *args, **kwargs)
        finally:
            worker.in_twilio = False
        body = json.loads(answer.text or "{}")
        self.calls.append(Call(worker.name, number, method, path, values, answer.status_code, body))
        worker.point(f"answer {answer.status_code} to {method} {path}")
        return answer

    # One run

    def run(self, requests: Mapping[str, Callable[[], Any]], switches: Mapping[int, str]) -> Run:
        """Run one request on each named thread. `switches` maps a step to the thread that makes it."""
        active = {name: self.workers[name] for name in requests}
        self.calls, self.steps, self.broken = [], [], []
        choices: list[Choice] = []
        for name, worker in active.items():
            worker.asleep_since, worker.clock, worker.state = -1, 0.0, "running"
            worker.in_twilio, worker.unwritten, worker.statements = False, set(), 0
            worker.jobs.put(requests[name])
        try:
            self._settle(active)
            current = ""
            while choice := self._choose(active, current):
                choices.append(choice)
                current = switches.get(len(self.steps), choice.default)
                if current != choice.default and current not in choice.others:
                    raise CannotGoOn(f"{current} cannot go on before step {len(self.steps)}")
                self._go(active, active[current])
        except BaseException:
            self._abandon(active)
            raise
        return Run(
            dict(switches),
            list(self.steps),
            choices,
            list(self.calls),
            {name: worker.result for name, worker in active.items()},
            {name: worker.error for name, worker in active.items() if worker.error is not None},
            list(self.broken),
        )

    def _choose(self, active: dict[str, Worker], current: str) -> Choice | None:
        now = len(self.steps)
        ready = [n for n, w in active.items() if w.state == "ready"]
        # A sleeping thread wakes up after another thread has made a step.
        woken = [n for n, w in active.items() if w.state == "asleep" and w.asleep_since < now]
        asleep = [n for n, w in active.items() if w.state == "asleep" and w.asleep_since >= now]
        if not ready and not woken and not asleep:
            if all(w.state == "done" for w in active.values()):
                return None
            self._await_deadlock(active)
            return self._choose(active, current)
        states = tuple("woken" if n in woken else w.state for n, w in active.items())
        if current in ready:
            return Choice(current, {n: 1 for n in (*ready, *woken, *asleep) if n != current}, states)
        names = list(active)
        after = names.index(current) + 1 if current else 0
        in_turn = sorted(ready, key=lambda n: (names.index(n) - after) % len(names)) or woken or asleep
        others = (
            dict.fromkeys(in_turn[1:], 0) if ready else {n: 0 for n in (*woken, *asleep) if n != in_turn[0]}
        )
        if ready:
            others |= dict.fromkeys((*woken, *asleep), 1)
        return Choice(in_turn[0], others, states)

    def _go(self, active: dict[str, Worker], worker: Worker) -> None:
        if worker.state == "asleep" and worker.asleep_since >= len(self.steps):
            worker.clock += LONG
        worker.step = Step(worker.name, worker.label)
        self.steps.append(worker.step)
        worker.state = "running"
        worker.may_go.put(True)
        self._settle(active)
        # A commit may have released other threads.
        for other in active.values():
            if other.state == "blocked" and not self._is_blocked(other):
                other.state = "running"
        self._settle(active)

    def _settle(self, active: dict[str, Worker]) -> None:
        """Wait until each thread is at a point, has ended, or waits for a lock."""
        until = real_monotonic() + GIVE_UP
        while running := [w for w in active.values() if w.state == "running"]:
            try:
                self._arrived(*self.events.get(timeout=PATIENCE))
            except Empty:
                for worker in running:
                    if worker.may_block and self._is_blocked(worker):
                        worker.state, worker.had_to_wait = "blocked", True
                if real_monotonic() > until:
                    raise TimeoutError(f"{running[0].name} is stuck after {running[0].label}") from None

    def _arrived(self, worker: Worker, state: str, label: str) -> None:
        worker.state, worker.label = state, label
        if state == "asleep":
            worker.asleep_since = len(self.steps)

    def _is_blocked(self, worker: Worker) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [worker.pid])
            return bool(cursor.fetchone()[0])

    def _await_deadlock(self, active: dict[str, Worker]) -> None:
        """Wait until PostgreSQL ends one of the transactions, because all threads wait for each other."""
        self._arrived(*self.events.get(timeout=GIVE_UP))
        for worker in active.values():
            if worker.state == "blocked" and not self._is_blocked(worker):
                worker.state = "running"
        self._settle(active)

    def _abandon(self, active: dict[str, Worker]) -> None:
        until = real_monotonic() + GIVE_UP
        while left := [w for w in active.values() if w.state != "done"]:
            for worker in left:
                if worker.state in ("ready", "asleep"):
                    worker.state = "running"
                    worker.may_go.put(False)
            with suppress(Empty):
                self._arrived(*self.events.get(timeout=0.05))
            if real_monotonic() > until:
                return


def partialmethod_of(act: Callable[..., Any], original: Any) -> Callable[..., Any]:
    def method(self: BaseDatabaseWrapper) -> Any:
        return act(original, self)

    return method


@dataclass
class Run:
    """The result of one schedule."""

    switches: dict[int, str]
    steps: list[Step]
    choices: list[Choice]
    calls: list[Call]
    results: dict[str, Any]
    errors: dict[str, BaseException]
    broken: list[str]

    def calls_to(self, path: str, thread: str = "") -> list[Call]:
        """Return the calls to Twilio whose URL path ends with `path`."""
        return [c for c in self.calls if c.path.endswith(path) and thread in ("", c.thread)]
