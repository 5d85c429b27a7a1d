"""Lock a user or a session after too many wrong tokens, and block methods after suspected fraud."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from .. import errors
from ..conf import conf
from ..digests import digests
from ..errors import in_words
from ..models.counters import Counter, Lock
from .limit_rows import LockKey, RateLimit, read, store_lock
from .rate_limits import CONSECUTIVE, DEFAULTS, PER_SESSION, PER_USER, limits_for, rates, refund

LOCK = "lock"
LOCKED_FOR = 3600

# Methods that were refused as fraud

BLOCKED = "refused"
BLOCKED_FOR = 86400


def block_method(user: Any, method: str, destination: str) -> None:
    """Block a method for this user and destination for a day."""
    key = digests("refused", user.pk if user else "", method, destination)[0]
    store_lock(BLOCKED, key, until=int(time.time()) + BLOCKED_FOR)


def block_keys(user: Any, pairs: Iterable[tuple[str, str]]) -> dict[LockKey, tuple[str, str]]:
    """Return the keys of the blocks for pairs of method and destination."""
    who = user.pk if user else ""
    return {(BLOCKED, key): pair for pair in pairs for key in digests("refused", who, *pair)}


def blocked_methods(user: Any, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs of method and destination that are blocked now. One query."""
    keys = block_keys(user, pairs)
    return {keys[key] for key in read([], keys).locks}


# Locks


def session_scope(user: Any) -> str:
    """Return the scope of the counters and locks of a user's sessions, by which `unlock` finds them."""
    return f"session:{digests('user', user.pk)[0][:32]}"


def lock(key_parts: tuple[Any, ...], until: int, scope: str = LOCK) -> bool:
    """Create a lock until a Unix time. Returns False if the lock is active already."""
    return store_lock(scope, digests("lock", *key_parts)[0], until=until)


def once(scope: str, parts: tuple[Any, ...], seconds: int) -> bool:
    """Return whether this is the first call with these parts in a period of `seconds`."""
    return store_lock(scope, digests(scope, *parts)[0], until=int(time.time()) + seconds)


def lock_keys(user: Any, flow: str, apart: str = "") -> list[LockKey]:
    """Return the keys of the locks of a user and of the user's session.

    `apart`: the name of a method that has its own counters and its own lock.
    """
    if user is None:
        return []
    session = session_scope(user)
    if apart:
        return list(product([session], digests("lock", user.pk, flow, apart)))
    own = product([LOCK], digests("lock", user.pk))
    return [*own, *product([session], digests("lock", user.pk, flow))]


def locked_until(user: Any, flow: str, apart: str = "") -> int:
    """Return the Unix time until which this user or the session is locked. 0 if neither is locked."""
    return max(read([], lock_keys(user, flow, apart)).locks.values(), default=0)


def seconds_until(until: int) -> int:
    """Return the number of seconds until a lock ends, or `Lock.FOR_EVER`. 0 if there is no lock."""
    return until if until in (0, Lock.FOR_EVER) else max(1, until - int(time.time()))


def raise_if_locked(user: Any, flow: str, apart: str = "") -> None:
    """Raise `TooManyWrongTokens` during a lock, or `AccountLocked` if it does not end by itself."""
    if until := locked_until(user, flow, apart):
        raise as_error(until)


def as_error(until: int) -> errors.TwoFactorError:
    """Return the error for a user who is locked until a Unix time."""
    if until == Lock.FOR_EVER:
        return errors.AccountLocked()
    left = seconds_until(until)
    return errors.TooManyWrongTokens(retry_after=left, when=in_words(left))


def _consecutive(user: Any) -> RateLimit | None:
    most = conf.LIMITS.get(CONSECUTIVE, DEFAULTS[CONSECUTIVE])
    if not most:
        return None
    keys = tuple(digests("count", CONSECUTIVE, user.pk))
    return RateLimit(CONSECUTIVE, (CONSECUTIVE, keys[0], 0), keys, int(most), 0)


def check_limits(user: Any, flow: str, apart: str = "") -> list[RateLimit]:
    """Return the counters of a check. They are refunded if the token is right."""
    if user is None:
        return []
    if apart:
        return limits_for(PER_SESSION, user.pk, flow, apart, scope=session_scope(user))
    found = limits_for(PER_SESSION, user.pk, flow, scope=session_scope(user))
    found += limits_for(PER_USER, user.pk)
    run = _consecutive(user)
    return [*found, run] if run else found


def record_failure(user: Any, flow: str, spent: Sequence[RateLimit], apart: str = "") -> int:
    """Lock the user or the session whose counters have reached their limit.

    Returns the Unix time when the new lock ends. 0 if no lock was created.
    """
    if user is None:
        return 0
    wanted: dict[tuple[str, tuple[Any, ...]], int] = {}
    counted = read(spent)
    for count in spent:
        if counted.total(count) < count.most:
            continue
        scope, ends = LOCK, int(time.time()) + LOCKED_FOR
        who: tuple[Any, ...] = (user.pk,)
        if count.name == CONSECUTIVE:
            ends = Lock.FOR_EVER
        elif count.name == PER_SESSION:
            scope, who = session_scope(user), (user.pk, flow, apart) if apart else (user.pk, flow)
        elif count.name != PER_USER:
            continue
        # Two limits of the user may be reached at once and share a lock: the later end counts.
        wanted[scope, who] = max(ends, wanted.get((scope, who), 0))
    return max((ends for (scope, who), ends in wanted.items() if lock(who, ends, scope)), default=0)


def record_success(user: Any, spent: Sequence[RateLimit]) -> None:
    """Refund the check of a right token and reset the consecutive failures. Nothing else is cleared."""
    counted = []
    reset = None
    for count in spent:
        if count.name == CONSECUTIVE:
            reset = count
        else:
            counted.append(count)
    if reset is None and user is not None:
        reset = _consecutive(user)
    refund(counted, reset=reset)


def locks_of(user: Any) -> list[Lock]:
    """Return the locks of a user and of their sessions. Some may have ended."""
    # Filter by exact scopes: a pattern would read the whole table.
    own = Lock.objects.filter(scope=LOCK, key__in=digests("lock", user.pk))
    return [*own, *Lock.objects.filter(scope=session_scope(user))]


def unlock(user: Any) -> int:
    """End a user's locks and clear their wrong tokens. Returns the number of active locks ended."""
    now, session, found = int(time.time()), session_scope(user), locks_of(user)
    lifted = sum(lock.until > now for lock in found)
    Lock.objects.filter(pk__in=[lock.pk for lock in found]).delete()
    Counter.objects.filter(scope__in=_scopes(PER_SESSION, session)).delete()
    for name, scopes in ((CONSECUTIVE, [CONSECUTIVE]), (PER_USER, _scopes(PER_USER, PER_USER))):
        Counter.objects.filter(scope__in=scopes, key__in=digests("count", name, user.pk)).delete()
    return lifted


def _scopes(name: str, scope: str) -> list[str]:
    """Return the scopes of a limit's rows, one for each of its rates."""
    return [f"{scope}:{seconds}" for _most, seconds in rates(name)]
