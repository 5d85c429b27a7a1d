"""Read counters and locks together, in one query, and store locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ..models.contention import again
from ..models.counters import A_LOCK, ANOTHER, Counter, Lock, Row

LockKey = tuple[str, str]
"""Scope and key of a row of `Lock`."""

UNLIMITED = 2**62
"""The `most` of a counter without a limit, which is incremented together with those of limits."""


class RateLimit(NamedTuple):
    """One counter: up to `most` within `seconds`.

    `row` is the row that is incremented now. Its window is the Unix time when the current step began. Rows of
    earlier windows count, too, and so do rows under `keys`: the key with each earlier secret key.
    """

    name: str
    row: Row
    keys: tuple[str, ...]
    most: int
    seconds: int
    amount: int = 1
    """The number that one action adds. A message adds several units to a money budget."""
    levels: tuple[int, ...] = ()
    """The sums of a budget that are reported when they are reached."""
    tell: Callable[[RateLimit, int], None] | None = None
    """The function to call with a level that was reached, after the commit."""

    def reached(self, level: int) -> None:
        """Report a level that was reached."""
        if self.tell is not None:
            self.tell(self, level)


class LockFound(Exception):
    """Active locks were found, and nothing was counted. `found`: the end of each lock (Unix time)."""

    def __init__(self, found: dict[LockKey, int]) -> None:
        super().__init__(*found)
        self.found = found


class OtherFound(Exception):
    """A row that forbids the action was found, and nothing was counted."""


class LimitReached(Exception):
    """A counter is at its limit, and nothing was counted. `retry_after`: seconds."""

    def __init__(self, count: RateLimit, retry_after: int = 0) -> None:
        super().__init__(count.name)
        self.count = count
        self.retry_after = retry_after


@dataclass
class Found:
    """The rows of counters that count now, active locks, and whether there is a row in `unless`."""

    counters: dict[RateLimit, dict[Row, int]] = field(default_factory=dict)
    locks: dict[LockKey, int] = field(default_factory=dict)
    other: bool = False

    def total(self, count: RateLimit) -> int:
        """Return the sum of a counter that was read."""
        return sum(self.counters[count].values())

    def require_room(self, count: RateLimit, *, own: int = 0) -> None:
        """Raise `LimitReached` if adding its amount would put a counter above its limit.

        `own`: the amount that this request has added already.
        """
        rows = self.counters[count]
        # The row is missing if it has left the limit's period since it was incremented.
        if own and count.row in rows:
            rows[count.row] -= own
        if sum(rows.values()) + count.amount > count.most:
            raise LimitReached(count, _frees_after(count, rows))

    def wait(self, wanted: Iterable[RateLimit]) -> int:
        """Return the number of seconds until an action is within its limits. 0 for now."""
        reached = (count for count in wanted if self.total(count) + count.amount > count.most)
        return max((_frees_after(count, self.counters[count]) for count in reached), default=0)


def read(
    wanted: Sequence[RateLimit],
    locks: Iterable[LockKey] = (),
    *,
    unless: QuerySet[Any] | None = None,
) -> Found:
    """Read counters, the active ones of `locks`, and whether there is a row in `unless`. One query at most.

    All rows within a counter's seconds are read: of this step, earlier steps and earlier keys.
    """
    now = int(time.time())
    found = Found()
    # The time after which a step counts. Consecutive failures always count.
    since: dict[RateLimit, int] = {}
    scopes: set[str] = set()
    keys: set[str] = set()
    for count in wanted:
        if count.most == UNLIMITED:
            continue
        found.counters[count] = {}
        since[count] = now - count.seconds if count.seconds else -1
        scopes.add(count.row[0])
        keys.update(count.keys)
    locks = set(locks)
    earliest = min(since.values(), default=0)
    for scope, key, number, n in Counter.objects.with_locks(scopes, keys, earliest, locks, now, unless):
        if n == ANOTHER:
            found.other = True
        elif n == A_LOCK:
            if (scope, key) in locks:
                found.locks[scope, key] = number
        else:
            for count in since:
                if scope == count.row[0] and key in count.keys and number > since[count]:
                    found.counters[count][scope, key, number] = n
    return found


def _frees_after(count: RateLimit, counted: dict[Row, int]) -> int:
    """Return the seconds until the limit allows one more."""
    left = sum(counted.values())
    for (_scope, _key, window), n in sorted(counted.items(), key=lambda item: item[0][2]):
        left -= n
        if left + count.amount <= count.most:
            return max(1, window + count.seconds - int(time.time()))
    return max(1, count.seconds)


def store_lock(scope: str, key: str, **values: Any) -> bool:
    """Create a lock, or replace one that has ended. Return False if the lock exists and has not ended."""

    def create() -> None:
        # An outer transaction stays usable after an IntegrityError.
        with transaction.atomic():
            Lock.objects.create(scope=scope, key=key, **values)

    ended = Lock.objects.filter(scope=scope, key=key, until__lte=int(time.time()))
    if ended.update(**values):
        return True
    try:
        again(create)
    except IntegrityError:
        return False
    return True
