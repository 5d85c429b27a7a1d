"""Reserve a send or a check of a verification before the provider is called.

Each reservation is one conditional UPDATE: of several requests at once, the one whose UPDATE changes the row
goes on. Counting rows with a SELECT would let several through.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from .. import contention, errors
from ..conf import conf
from ..models import Purpose, Status, Verification
from ..providers import MethodProvider
from . import lockout, rate_limits
from .database import retry
from .rate_limits import Count

LEASE_SLACK = timedelta(seconds=5)
WAIT_FOR_OTHER_CHECK = 3.0
POLL = 0.05


@dataclass(frozen=True)
class Attempt:
    """One check of a verification: its row, its lease, and the counters that it was counted on."""

    row: Verification
    lease: str
    spent: tuple[Count, ...] = ()

    def held(self) -> QuerySet[Verification]:
        """Return the row for an update, as long as this check holds it."""
        found: QuerySet[Verification] = Verification.objects.filter(
            pk=self.row.pk, status=Status.PENDING, lease=self.lease
        )
        return found


def lease_free() -> Q:
    """Return the condition for rows without a check under way."""
    return Q(lease_until=None) | Q(lease_until__lte=timezone.now())


def until_over(row: Verification) -> int:
    """Return the whole seconds until the row expires, at least one."""
    return max(1, math.ceil((row.expires_at - timezone.now()).total_seconds()))


def refusal(row: Verification) -> errors.TwoFactorError:
    """Return the error for a row that takes neither sends nor checks."""
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
    """Give back a send that certainly did not happen, and count it as refused.

    The next send may follow at once. Refused sends have limits of their own, so that probing ends.
    """
    contention.durably(partial(_undo_send, row, spent, refused))


def _undo_send(row: Verification, spent: Sequence[Count], refused: Sequence[Count]) -> None:
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


def _give_back(attempt: Attempt) -> None:
    """Release the lease of a check that was not made, and give the attempt back."""
    attempt.held().update(lease="", lease_until=None, attempts=F("attempts") - 1)
    attempt.row.refresh_from_db()


def spend_check(attempt: Attempt) -> None:
    """Count a check on its counters. If a limit is reached, release the lease and raise its error."""
    try:
        contention.durably(lambda: rate_limits.spend(attempt.spent))
    except rate_limits.LimitReached as e:
        _give_back(attempt)
        raise rate_limits.as_error(e) from None


def undo_check(attempt: Attempt, *, but: str = "") -> None:
    """Undo a check that had no token to be wrong: lease, attempt and counters, except those named `but`."""
    retry(lambda: _give_back(attempt))
    retry(lambda: rate_limits.refund(c for c in attempt.spent if c.name != but))


def spend_lookup(user: Any) -> bool:
    """Count a paid lookup. Returns whether it may be made."""
    return _spent("lookups_per_user", user)


def spend_used_code(user: Any) -> bool:
    """Count a used code that was entered again. Returns whether it costs no attempt."""
    return _spent("used_codes_per_user", user)


def _spent(name: str, user: Any) -> bool:
    """Count once more. Returns whether that is within the limit."""
    try:
        found = rate_limits.counts(name, user.pk if user else "")
        contention.durably(lambda: rate_limits.spend(found))
    except rate_limits.LimitReached:
        return False
    return True


def release_lease(attempt: Attempt) -> bool:
    """Release the lease of a check that did not approve its row. Without attempts left the row fails.

    Returns whether the row failed. It keeps its key then, so that starting again brings no new attempts
    before it would have expired.
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
    """End a user's locks and let them start again at once. Returns how many locks and rows that ended."""
    failed = Verification.objects.filter(user=user, status=Status.FAILED).exclude(pending_key=None)
    return lockout.unlock(user) + failed.update(pending_key=None)


def send_counts(user: Any, row: Verification, provider: MethodProvider) -> list[Count]:
    """Return the counters of a send. An unproven number never uses up its owner's limits."""
    if not provider.sends and row.purpose == Purpose.PROVE:
        return []
    if not provider.sends and user is not None:
        # An authenticator, a set of recovery codes: nothing goes out, so it costs none of the sends.
        return rate_limits.counts("setups_per_user", user.pk)
    proven = row.purpose == Purpose.PROVE and user is not None
    kind = "sends" if proven else "unproven_sends"
    found = []
    if user is not None:
        found += rate_limits.counts(f"{kind}_per_user", user.pk)
    if contact := row.contact:
        found += rate_limits.counts(f"{kind}_per_destination", row.transport, contact.mailbox)
    return found


def refused_counts(user: Any, row: Verification, provider: MethodProvider) -> list[Count]:
    """Return the counters of a send that the provider certainly refused, which replace those of the send."""
    if not provider.sends and row.purpose == Purpose.PROVE:
        return []
    found = []
    if user is not None:
        found += rate_limits.counts("refused_sends_per_user", user.pk)
    if contact := row.contact:
        found += rate_limits.counts("refused_sends_per_destination", row.transport, contact.mailbox)
    return found
