"""Reserve a send or a check of a verification before the provider is called.

Each reservation is one conditional UPDATE. If requests are concurrent, only the one whose UPDATE changes the
row continues. Counting rows with a SELECT would let several through.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from .. import errors
from ..conf import conf
from ..models import contention
from ..models.verifications import Purpose, Status, Verification, lease_free
from . import figures, lockout, pauses, rate_limits
from .database import assign, retry
from .limit_rows import LimitReached, LockFound, LockKey, RateLimit

LEASE_SLACK = timedelta(seconds=5)
WAIT_FOR_OTHER_CHECK = 3.0
POLL = 0.05


@dataclass(frozen=True)
class Attempt:
    """One check of a verification: its row, its lease, and the counters that it has incremented."""

    row: Verification
    lease: str
    spent: tuple[RateLimit, ...] = ()

    def held(self) -> QuerySet[Verification]:
        """Return the row as a queryset for an update, as long as this check holds its lease."""
        found: QuerySet[Verification] = Verification.objects.filter(
            pk=self.row.pk, status=Status.PENDING, lease=self.lease
        )
        return found


def until_over(row: Verification) -> int:
    """Return the whole seconds until the row expires, at least one."""
    return max(1, math.ceil((row.expires_at - timezone.now()).total_seconds()))


def refusal(row: Verification) -> errors.TwoFactorError:
    """Return the error for a row that no longer accepts sends and checks."""
    if row.status == Status.FAILED:
        error = errors.ERRORS.get(row.error_code, errors.MaxAttemptsReached)
        if error is errors.MaxSendsReached:
            error = errors.NoCodeToUse
        used_up = error in (errors.MaxAttemptsReached, errors.NoCodeToUse)
        return error(retry_after=until_over(row)) if used_up else error()
    if row.status == Status.PENDING and not row.attempts_left:
        return errors.MaxAttemptsReached(retry_after=until_over(row))
    return errors.VerificationExpired()


def error_of_locks(found: dict[LockKey, int]) -> errors.TwoFactorError:
    """Return the error for active locks: of a user or session, else of a pause or a blocked method."""
    others = (lockout.BLOCKED, pauses.SCOPE)
    until = max((until for (scope, _key), until in found.items() if scope not in others), default=0)
    return lockout.as_error(until) if until else pauses.error_of(found) or errors.ChannelRefused()


def error_of(reason: LimitReached | LockFound) -> errors.TwoFactorError:
    if isinstance(reason, LockFound):
        return error_of_locks(reason.found)
    return rate_limits.as_error(reason)


def refused_by(
    reason: LimitReached | LockFound, row: Verification, method: str = ""
) -> errors.TwoFactorError:
    """Return the error of a refusal. A refusal by a limit is counted in the figures."""
    if isinstance(reason, LimitReached):
        figures.count(row, method, limited=1)
    return error_of(reason)


def take_lease(row: Verification, spending: Sequence[RateLimit] = (), locks: Sequence[LockKey] = ()) -> str:
    """Lease the row for a check, and count the attempt and `spending` in the same transaction.

    `row` is refreshed. While another check is running, wait a little for its outcome. Returns the lease.
    Raises `MaxAttemptsReached`, `CheckInProgress`, the error of a limit that is reached or of an active lock
    in `locks`, and `VerificationExpired` for a row that has ended, also if it was approved.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHER_CHECK
    waited = False
    while True:
        now = timezone.now()
        lease = secrets.token_hex(16)
        try:
            if not waited and contention.durably(_lease, row, lease, spending, locks, now):
                return lease
        except (LimitReached, LockFound) as e:
            raise refused_by(e, row) from None
        row.refresh_from_db()
        if row.status != Status.PENDING or row.is_expired(now):
            raise refusal(row)
        if row.lease_until is None or row.lease_until <= now:
            if not row.attempts_left:
                raise errors.MaxAttemptsReached(retry_after=until_over(row))
            if waited:
                # The other token was wrong. This one was not checked, and no attempt is spent on it.
                raise errors.CheckInProgress
            continue
        if time.monotonic() > deadline:
            raise errors.CheckInProgress
        waited = True
        time.sleep(POLL)


def _lease(
    row: Verification, lease: str, spending: Sequence[RateLimit], locks: Sequence[LockKey], now: datetime
) -> bool:
    until = now + timedelta(seconds=sum(conf.timeout)) + LEASE_SLACK
    free = unchanged(row).filter(lease_free(), attempts__lt=conf.MAX_ATTEMPTS, expires_at__gt=now)
    taken = {"attempts": row.attempts + 1, "lease": lease, "lease_until": until}
    if not free.update(**taken):
        return False
    rate_limits.consume(spending, locks=locks)
    if row.purpose == Purpose.ENROL:
        # Another tab may have registered the same destination with another name or proof.
        row.refresh_from_db()
    else:
        assign(row, taken)
    return True


def unchanged(row: Verification) -> QuerySet[Verification]:
    """Return the pending row as a queryset, if no send, check or answer has changed it since it was read."""
    found: QuerySet[Verification] = Verification.objects.filter(
        pk=row.pk,
        status=Status.PENDING,
        sends=row.sends,
        attempts=row.attempts,
        last_sent_at=row.last_sent_at,
        answer=row.answer,
    )
    return found


def _give_back(attempt: Attempt) -> None:
    """Release the lease of a check that was not made, and give the attempt back."""
    attempt.held().update(lease="", lease_until=None, attempts=F("attempts") - 1)
    attempt.row.refresh_from_db()


def undo_check(attempt: Attempt, *, but: str = "") -> None:
    """Undo a check that does not count: lease, attempt, and the counters except those named `but`."""
    retry(_give_back, attempt)
    retry(rate_limits.refund, [c for c in attempt.spent if c.name != but])


def consume_lookup(user: Any, locks: Sequence[LockKey] = ()) -> bool:
    """Count a paid lookup. Returns whether it may be made. Raises the error of an active lock in `locks`."""
    return _spent("lookups_per_user", user, locks)


def consume_used_code(user: Any) -> bool:
    """Count a used code that was entered again.

    Returns True while such codes are free, False if they count as attempts.
    """
    return _spent("used_codes_per_user", user)


def _spent(name: str, user: Any, locks: Sequence[LockKey] = ()) -> bool:
    """Count one action of a limit. Returns whether it is within the limit."""
    try:
        found = rate_limits.limits_for(name, user.pk if user else "")
        contention.durably(rate_limits.consume, found, locks=locks)
    except LimitReached:
        return False
    except LockFound as e:
        raise error_of(e) from None
    return True


def release_lease(attempt: Attempt) -> bool:
    """Release the lease of a check that did not approve its row. Without attempts left, the row fails.

    Returns whether the row failed. A failed row keeps its key, so that starting again gives no new attempts
    until the row would have expired.
    """
    mine = attempt.held()
    free: dict[str, Any] = {"lease": "", "lease_until": None}
    failed = mine.filter(attempts__gte=conf.MAX_ATTEMPTS).update(
        **free,
        status=Status.FAILED,
        error_code=errors.MaxAttemptsReached.code,
        destination="",
        ended_at=timezone.now(),
    )
    if not failed:
        mine.update(**free)
    attempt.row.refresh_from_db()
    return bool(failed)


def unlock(user: Any) -> int:
    """End a user's locks, and let the user start again at once. Returns the number of locks and rows."""
    failed = Verification.objects.filter(user=user, status=Status.FAILED).exclude(pending_key=None)
    return lockout.unlock(user) + failed.update(pending_key=None)
