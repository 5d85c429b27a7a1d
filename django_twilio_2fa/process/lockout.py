"""Who is locked, for too many wrong tokens, and which methods are refused, for fraud."""

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
    """Remember for a day that a method is not to be tried again for this user and destination."""
    key = digests("refused", user.pk if user else "", method, destination)[0]
    until = (int(time.time()) // 60 + 1) * 60 + REFUSED_FOR
    Counter.objects.bulk_create([Counter(scope=REFUSED, key=key, window=until, n=1)], ignore_conflicts=True)


def refused_methods(user: Any, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the pairs of method and destination that are refused now. One query."""
    by_key = {key: pair for pair in pairs for key in digests("refused", user.pk if user else "", *pair)}
    rows = Counter.objects.filter(scope=REFUSED, key__in=by_key, window__gt=int(time.time()))
    return {by_key[key] for key in rows.values_list("key", flat=True)}


# Locks


def session_scope(user: Any) -> str:
    """Scope of the counts of a user's sessions, by which unlocking finds them."""
    return f"session:{digests('user', user.pk)[0][:32]}"


def lock(key_parts: tuple[Any, ...], until: int, scope: str = LOCK) -> bool:
    """Lock until a moment (Unix time); returns whether there was no such lock yet."""
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
    """To the full minute, so that two who lock at once make one lock."""
    return (int(time.time()) // 60 + 1) * 60 + LOCKED_FOR


def locked_until(user: Any, flow: str, apart: str = "") -> int:
    """Until when (Unix time) this user, or this session of theirs, is locked; 0 if not.

    `apart`: name of a method that is counted by itself, and that only its own lock closes.
    """
    if apart:
        keys, scopes = digests("lock", user.pk, flow, apart), [session_scope(user)]
    else:
        keys = [*digests("lock", user.pk), *digests("lock", user.pk, flow)]
        scopes = [LOCK, session_scope(user)]
    rows = Counter.objects.filter(scope__in=scopes, key__in=keys, window__gt=int(time.time()))
    return int(rows.aggregate(until=Max("window"))["until"] or 0)


def refuse_locked(user: Any, flow: str, apart: str = "") -> None:
    """Raise `AccountLocked`, or `TooManyWrongTokens` where the lock ends by itself."""
    if until := locked_until(user, flow, apart):
        raise as_error(until)


def as_error(until: int) -> errors.TwoFactorError:
    """Return what a user is told who is locked until a moment (Unix time)."""
    if until == FOR_EVER:
        return errors.AccountLocked()
    left = max(1, until - int(time.time()))
    return errors.TooManyWrongTokens(retry_after=left, when=in_words(left))


def _run(user: Any) -> Count | None:
    most = {**DEFAULTS, **conf.LIMITS}[RUN]
    return Count(RUN, RUN, tuple(digests("count", RUN, user.pk)), int(most), 0, 0) if most else None


def for_check(user: Any, flow: str, apart: str = "") -> list[Count]:
    """What a check is counted on until its token turns out to be right."""
    if apart:
        return counts(PER_SESSION, user.pk, flow, apart, scope=session_scope(user))
    found = counts(PER_SESSION, user.pk, flow, scope=session_scope(user))
    found += counts(PER_USER, user.pk)
    run = _run(user)
    return [*found, run] if run else found


def was_wrong(user: Any, flow: str, spent: Sequence[Count], apart: str = "") -> int:
    """Lock what has used its wrong tokens up; returns until when (Unix time) somebody was locked, else 0."""
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


def was_right(user: Any, spent: Sequence[Count]) -> None:
    """A success takes its own check back and ends the run of failures; it clears nothing else."""
    refund(count for count in spent if count.name != RUN)
    if user is not None and (run := _run(user)):
        row_of(run).update(n=0)


def unlock(user: Any) -> int:
    """Lift a user's locks and forget their wrong tokens; returns how many locks that were."""
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
    """The scopes of a limit's rows, one for each of its rates."""
    return [f"{scope}:{seconds}" for _most, seconds in rates(name)]
