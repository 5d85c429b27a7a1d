"""How many sends and checks a verification takes: every count moves by one conditional UPDATE.

Counting rows with a SELECT lets several times the limit through when requests come at once; here whoever's
UPDATE touches the row may go on.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from .. import contention, errors
from ..conf import conf
from ..models import Status, Verification
from . import lockout, rate_limits
from .rate_limits import Count

LEASE_SLACK = timedelta(seconds=5)
WAIT_FOR_OTHER_CHECK = 3.0
POLL = 0.05


def lease_free() -> Q:
    """Rows that no check is under way for."""
    return Q(lease_until=None) | Q(lease_until__lte=timezone.now())


def until_over(row: Verification) -> int:
    """Whole seconds until the row's time is up, at least one: when starting again brings something new."""
    return max(1, math.ceil((row.expires_at - timezone.now()).total_seconds()))


def refusal(row: Verification) -> errors.TwoFactorError:
    """Why a row takes neither sends nor checks."""
    if row.status == Status.FAILED:
        error = errors.ERRORS.get(row.error_code, errors.MaxAttemptsReached)
        if error is errors.MaxSendsReached:
            error = errors.NoCodeToUse
        used_up = error in (errors.MaxAttemptsReached, errors.NoCodeToUse)
        return error(retry_after=until_over(row)) if used_up else error()
    if row.status == Status.PENDING and row.attempts >= conf.MAX_ATTEMPTS:
        return errors.MaxAttemptsReached(retry_after=until_over(row))
    return errors.VerificationExpired()


def reserve_send(
    row: Verification,
    method: str,
    spending: Sequence[Count] = (),
    *,
    below: Sequence[Count] = (),
    cooldown: bool = True,
) -> None:
    """Count one send of `method` and start its cooldown, or raise why not; `row` is brought up to date.

    `spending` is counted in the same transaction; what `below` names has to be below its limits and is not
    counted. Without `cooldown` the next may follow at once.
    Raises `ResendCooldown`, `MaxSendsReached`, `MaxAttemptsReached` or `VerificationExpired`.
    """
    while True:
        now = timezone.now()
        if row.status != Status.PENDING or row.attempts >= conf.MAX_ATTEMPTS:
            raise refusal(row)
        if row.expires_at <= now:
            raise errors.VerificationExpired
        if row.sends >= conf.MAX_SENDS:
            raise errors.MaxSendsReached(retry_after=until_over(row))
        if wait := row.can_resend_in(now):
            raise errors.ResendCooldown(can_resend_in=wait)
        try:
            mine = contention.durably(partial(_reserve, row, method, spending, below, now, cooldown))
        except rate_limits.LimitReached as e:
            raise rate_limits.as_error(e) from None
        row.refresh_from_db()
        if mine:
            return


def _reserve(
    row: Verification,
    method: str,
    spending: Sequence[Count],
    below: Sequence[Count],
    now: datetime,
    cooldown: bool,
) -> int:
    mine = (
        Verification.objects.filter(pk=row.pk, status=Status.PENDING, sends=row.sends, expires_at__gt=now)
        .filter(Q(next_send_at=None) | Q(next_send_at__lte=now))
        .update(
            sends=row.sends + 1,
            method=method,
            next_send_at=now + conf.cooldown(row.sends + 1) if cooldown else None,
        )
    )
    if mine:
        rate_limits.spend(spending, below=below)
    return int(mine)


def give_send_back(row: Verification, spent: Sequence[Count], refused: Sequence[Count]) -> None:
    """Uncount a send that certainly did not happen, and count it as refused.

    The next may go at once. What was refused is limited by itself, so that nobody can probe without end.
    """
    contention.durably(partial(_give_back, row, spent, refused))


def _give_back(row: Verification, spent: Sequence[Count], refused: Sequence[Count]) -> None:
    mine = Verification.objects.filter(pk=row.pk, sends=row.sends, sends__gt=0)
    if mine.update(sends=row.sends - 1, next_send_at=timezone.now()):
        rate_limits.refund(spent)
        rate_limits.add(refused)


def take_lease(row: Verification) -> str:
    """Count one attempt and take the row for its check, or raise why not; `row` is brought up to date.

    While another check is under way, wait a little for its outcome. Returns the lease. Raises
    `MaxAttemptsReached`, `CheckInProgress`, and `VerificationExpired` for a row that has ended, approved too.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHER_CHECK
    waited = False
    while True:
        now = timezone.now()
        lease = secrets.token_hex(16)
        if not waited and _lease(row, lease, now):
            row.refresh_from_db()
            return lease
        row.refresh_from_db()
        if row.status != Status.PENDING or row.expires_at <= now:
            raise refusal(row)
        if row.lease_until is None or row.lease_until <= now:
            if row.attempts >= conf.MAX_ATTEMPTS:
                raise errors.MaxAttemptsReached(retry_after=until_over(row))
            if waited:
                # The other token was wrong; this one was not looked at, and no attempt is spent on it.
                raise errors.CheckInProgress
            continue
        if time.monotonic() > deadline:
            raise errors.CheckInProgress
        waited = True
        time.sleep(POLL)


def _lease(row: Verification, lease: str, now: datetime) -> int:
    until = now + timedelta(seconds=sum(conf.timeout)) + LEASE_SLACK
    free = Verification.objects.filter(lease_free(), pk=row.pk, status=Status.PENDING)
    free = free.filter(attempts__lt=conf.MAX_ATTEMPTS, expires_at__gt=now)
    taken = {"attempts": F("attempts") + 1, "lease": lease, "lease_until": until}
    return int(contention.durably(lambda: free.update(**taken)))


def give_back(row: Verification, lease: str) -> None:
    """Give the row back after a check that was not made, and the attempt with it."""
    mine = Verification.objects.filter(pk=row.pk, status=Status.PENDING, lease=lease)
    mine.update(lease="", lease_until=None, attempts=F("attempts") - 1)
    row.refresh_from_db()


def spend_check(row: Verification, lease: str, spending: Sequence[Count]) -> None:
    """Count a check of a row under lease; where a limit is reached, give the row back and raise it."""
    try:
        contention.durably(lambda: rate_limits.spend(spending))
    except rate_limits.LimitReached as e:
        give_back(row, lease)
        raise rate_limits.as_error(e) from None


def spend_lookup(user: Any) -> bool:
    """Count a paid lookup; returns whether it may be made."""
    return _spent("lookups_per_user", user)


def spend_used_code(user: Any) -> bool:
    """Count a code that was used before; returns whether it may be told so, at no cost of a try."""
    return _spent("used_codes_per_user", user)


def _spent(name: str, user: Any) -> bool:
    """Count once more; returns whether that was within the limit."""
    try:
        found = rate_limits.counts(name, user.pk if user else "")
        contention.durably(lambda: rate_limits.spend(found))
    except rate_limits.LimitReached:
        return False
    return True


def release_lease(row: Verification, lease: str) -> bool:
    """Give the row back after a check that did not approve it; fails it when no attempt is left.

    Returns whether the row failed. It keeps its key then, so that starting again brings no new attempts
    before it would have expired.
    """
    mine = Verification.objects.filter(pk=row.pk, status=Status.PENDING, lease=lease)
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
    row.refresh_from_db()
    return bool(failed)


def unlock(user: Any) -> int:
    """Lift what keeps a user from trying again before its time; returns how many verifications that was.

    A verification that failed for too many tokens holds its place until it would have expired.
    """
    failed = Verification.objects.filter(user=user, status=Status.FAILED).exclude(pending_key=None)
    return lockout.unlock(user) + failed.update(pending_key=None)
