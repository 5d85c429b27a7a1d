"""Lock a user or a session after too many wrong tokens, and block methods after suspected fraud."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from .. import errors
from ..conf import conf
from ..digests import digests
from ..errors import in_words
from ..models import Counter
from .rate_limits import (
    DEFAULTS,
    PER_SESSION,
    PER_USER,
    RUN,
    Count,
    counted_of,
    counts,
    rates,
    refund,
    row_of,
)

LOCK = "lock"
LOCKED_FOR = 3600
FOR_EVER = 2**62

# Methods that were refused as fraud

REFUSED = "refused"
REFUSED_FOR = 86400


def refuse_method(user: Any, method: str, destination: str) -> None:
    """Block a method for this user and destination for a day."""
    key = digests("refused", user.pk if user else "", method, destination)[0]
    until = (int(time.time()) // 60 + 1) * 60 + REFUSED_FOR
    Counter.objects.bulk_create([Counter(scope=REFUSED, key=key, window=until, n=1)], ignore_conflicts=True)


def refused_methods(user: Any, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the pairs of method and destination that are blocked now. One query."""
    by_key = {key: pair for pair in pairs for key in digests("refused", user.pk if user else "", *pair)}
    rows = Counter.objects.filter(scope=REFUSED, key__in=by_key, window__gt=int(time.time()))
    return {by_key[key] for key in rows.values_list("key", flat=True)}


# Locks


def session_scope(user: Any) -> str:
    """Return the scope of the counters of a user's sessions, by which `unlock` finds them."""
    return f"session:{digests('user', user.pk)[0][:32]}"


def lock(key_parts: tuple[Any, ...], until: int, scope: str = LOCK) -> bool:
    """Lock until a Unix time. Returns whether there was no such lock yet."""
    key = digests("lock", *key_parts)[0]
    if Counter.objects.filter(scope=scope, key=key, window__gt=int(time.time())).exists():
        return False
    try:
        with transaction.atomic():
            Counter.objects.create(scope=scope, key=key, window=until, n=1)
    except IntegrityError:
        return False
    return True


def _in_an_hour() -> int:
    """Return the full minute after an hour, so that two requests at once make one lock."""
    return (int(time.time()) // 60 + 1) * 60 + LOCKED_FOR


def locked_until(user: Any, flow: str, apart: str = "") -> int:
    """Return the Unix time until which this user, or this session of theirs, is locked; 0 if not.

    `apart`: the name of a method with counters and a lock of its own.
    """
    if apart:
        keys, scopes = digests("lock", user.pk, flow, apart), [session_scope(user)]
    else:
        keys = [*digests("lock", user.pk), *digests("lock", user.pk, flow)]
        scopes = [LOCK, session_scope(user)]
    rows = Counter.objects.filter(scope__in=scopes, key__in=keys, window__gt=int(time.time()))
    return int(rows.aggregate(until=Max("window"))["until"] or 0)


def locked_for(user: Any, flow: str, apart: str = "") -> int:
    """Return for how many seconds a lock lasts, or `FOR_EVER`; 0 if there is none, or no user."""
    until = locked_until(user, flow, apart) if user is not None else 0
    return until if until in (0, FOR_EVER) else max(1, until - int(time.time()))


def raise_if_locked(user: Any, flow: str, apart: str = "") -> None:
    """Raise `AccountLocked`, or `TooManyWrongTokens` if the lock ends by itself."""
    if user is not None and (until := locked_until(user, flow, apart)):
        raise as_error(until)


def as_error(until: int) -> errors.TwoFactorError:
    """Return the error for a user who is locked until a Unix time."""
    if until == FOR_EVER:
        return errors.AccountLocked()
    left = max(1, until - int(time.time()))
    return errors.TooManyWrongTokens(retry_after=left, when=in_words(left))


def _run(user: Any) -> Count | None:
    most = {**DEFAULTS, **conf.LIMITS}[RUN]
    return Count(RUN, RUN, tuple(digests("count", RUN, user.pk)), int(most), 0, 0) if most else None


def for_check(user: Any, flow: str, apart: str = "") -> list[Count]:
    """Return the counters of a check. They are refunded if its token is right."""
    if user is None:
        return []
    if apart:
        return counts(PER_SESSION, user.pk, flow, apart, scope=session_scope(user))
    found = counts(PER_SESSION, user.pk, flow, scope=session_scope(user))
    found += counts(PER_USER, user.pk)
    run = _run(user)
    return [*found, run] if run else found


def record_failure(user: Any, flow: str, spent: Sequence[Count], apart: str = "") -> int:
    """Lock the user or the session whose counters have reached their limit.

    Returns the Unix time that a new lock ends; 0 if none was made.
    """
    if user is None:
        return 0
    until = 0
    counted = counted_of(spent) if spent else {}
    for count in spent:
        if sum(counted[count].values()) < count.most:
            continue
        scope, ends = LOCK, _in_an_hour()
        who: tuple[Any, ...] = (user.pk,)
        if count.name == RUN:
            ends = FOR_EVER
        elif count.name == PER_SESSION:
            scope, who = session_scope(user), (user.pk, flow, apart) if apart else (user.pk, flow)
        elif count.name != PER_USER:
            continue
        if lock(who, ends, scope):
            until = max(until, ends)
    return until


def record_success(user: Any, spent: Sequence[Count]) -> None:
    """Refund the check of a right token and reset the consecutive failures. Nothing else is cleared."""
    refund(count for count in spent if count.name != RUN)
    if user is not None and (run := _run(user)):
        row_of(run).update(n=0)


def unlock(user: Any) -> int:
    """End a user's locks and clear their wrong tokens. Returns how many locks were ended."""
    # Each by its scope in full: a pattern would read the table from end to end.
    now, session = int(time.time()), session_scope(user)
    own = Counter.objects.filter(scope=LOCK, key__in=digests("lock", user.pk))
    sessions = Counter.objects.filter(scope=session)
    lifted = own.filter(window__gt=now).count() + sessions.filter(window__gt=now).count()
    own.delete()
    sessions.delete()
    Counter.objects.filter(scope__in=_scopes(PER_SESSION, session)).delete()
    for name, scopes in ((RUN, [RUN]), (PER_USER, _scopes(PER_USER, PER_USER))):
        Counter.objects.filter(scope__in=scopes, key__in=digests("count", name, user.pk)).delete()
    return int(lifted)


def _scopes(name: str, scope: str) -> list[str]:
    """Return the scopes of a limit's rows, one for each of its rates."""
    return [f"{scope}:{seconds}" for _most, seconds in rates(name)]
