"""Reserve a send of a verification before the provider is called. See `reservations`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from .. import errors
from ..conf import conf
from ..models import contention
from ..models.verifications import Status, Verification
from ..providers import MethodProvider
from . import figures, limit_rows, lockout, pauses, rate_limits, verifications
from .database import assign
from .limit_rows import LimitReached, LockFound, LockKey, OtherFound, RateLimit
from .reservations import error_of_locks, refusal, refused_by, unchanged, until_over
from .subject import Subject


def _locks(subject: Subject, row: Verification, provider: MethodProvider) -> list[LockKey]:
    """Return the keys of the locks, the pauses and the block that forbid a send."""
    blocks = lockout.block_keys(subject.user, [(provider.name, row.identity)])
    locks = lockout.lock_keys(subject.user, subject.flow, provider.lockout_group)
    return [*locks, *pauses.keys_of(row, provider), *blocks]


def raise_if_refused(subject: Subject, row: Verification, provider: MethodProvider) -> None:
    """Raise the error of a lock, a pause, or a block of the method. One query."""
    if found := limit_rows.read([], _locks(subject, row, provider)).locks:
        raise error_of_locks(found)


def reserve(
    subject: Subject,
    row: Verification,
    provider: MethodProvider,
    spending: Sequence[RateLimit],
    refused: Sequence[RateLimit],
) -> None:
    """Reserve a send of a verification. One without a `pk` is stored with this send.

    `spending` is counted, and `refused` has to be below its limits. Raises what `reserve_send` raises, and
    `AnotherSend` for a verification that cannot be stored.
    """
    locks = _locks(subject, row, provider)
    if row.pk is None:
        _reserve_first_send(
            row,
            provider.name,
            spending,
            below=refused,
            locks=locks,
            earlier=verifications.with_cooldown(row),
            cooldown=provider.sends,
        )
    else:
        reserve_send(row, provider.name, spending, below=refused, locks=locks, cooldown=provider.sends)


def reserve_send(
    row: Verification,
    method: str,
    spending: Sequence[RateLimit] = (),
    *,
    below: Sequence[RateLimit] = (),
    locks: Sequence[LockKey] = (),
    cooldown: bool = True,
) -> None:
    """Count one send of `method` and start its cooldown. `row` is refreshed.

    `spending` is counted in the same transaction. The counters in `below` have to be below their limits, and
    are not incremented. Without `cooldown`, the next send may follow at once.
    Raises `ResendCooldown`, `MaxSendsReached`, `MaxAttemptsReached` or `VerificationExpired`, and the error
    of a limit that is reached or of an active lock in `locks`.
    """
    while True:
        now = timezone.now()
        if row.status != Status.PENDING or not row.attempts_left:
            raise refusal(row)
        if row.is_expired(now):
            raise errors.VerificationExpired
        if not row.sends_left:
            raise errors.MaxSendsReached(retry_after=until_over(row))
        if wait := row.can_resend_in(now):
            raise errors.ResendCooldown(can_resend_in=wait)
        try:
            mine = contention.durably(_reserve, row, method, spending, below, locks, now, cooldown)
        except (LimitReached, LockFound) as e:
            raise refused_by(e, row, method) from None
        if mine:
            return
        row.refresh_from_db()


def _reserve(
    row: Verification,
    method: str,
    spending: Sequence[RateLimit],
    below: Sequence[RateLimit],
    locks: Sequence[LockKey],
    now: datetime,
    cooldown: bool,
) -> bool:
    free = unchanged(row).filter(Q(next_send_at=None) | Q(next_send_at__lte=now), expires_at__gt=now)
    taken = _one_send(row, method, now, cooldown=cooldown)
    if not free.update(**taken):
        return False
    rate_limits.consume(spending, below=below, locks=locks)
    assign(row, taken)
    return True


def _one_send(row: Verification, method: str, now: datetime, *, cooldown: bool) -> dict[str, Any]:
    """Return the fields that one more send changes."""
    until = now + conf.cooldown(row.sends + 1) if cooldown else None
    fields = {"sends": row.sends + 1, "method": method, "next_send_at": until}
    if cooldown:
        # A message is sent. The UPDATE requires that no other send has changed the row, so no count is lost.
        fields["tally"] = figures.one_more(row.tally, method, sent=1)
    return fields


class AnotherSend(Exception):
    """A verification cannot begin with its first send: there is one already, or a cooldown."""


def _reserve_first_send(
    row: Verification,
    method: str,
    spending: Sequence[RateLimit] = (),
    *,
    below: Sequence[RateLimit] = (),
    locks: Sequence[LockKey] = (),
    earlier: QuerySet[Verification] | None = None,
    cooldown: bool = True,
) -> None:
    """Insert a new row with its first send. See `reserve_send`.

    Raises `AnotherSend` if another request was first, or if a row in `earlier` has an active cooldown, and
    the error of a limit that is reached or of an active lock in `locks`. The row is not stored then.
    """
    assign(row, _one_send(row, method, timezone.now(), cooldown=cooldown))

    def insert() -> None:
        row.pk = None
        row.save(force_insert=True)
        rate_limits.consume(spending, below=below, locks=locks, unless=earlier)

    stored = False
    try:
        contention.durably(insert)
        stored = True
    except (IntegrityError, OtherFound) as e:
        raise AnotherSend from e
    except (LimitReached, LockFound) as e:
        raise refused_by(e, row) from None
    finally:
        if not stored:
            row.pk = None


def give_send_back(row: Verification, spent: Sequence[RateLimit], refused: Sequence[RateLimit]) -> None:
    """Undo the count of a send that certainly did not happen, and count it as refused.

    The next send may follow at once. Refused sends have their own limits, which stop probing.
    """
    contention.durably(_undo_send, row, spent, refused)


def _undo_send(row: Verification, spent: Sequence[RateLimit], refused: Sequence[RateLimit]) -> None:
    mine = Verification.objects.filter(pk=row.pk, sends=row.sends, sends__gt=0)
    tally = figures.one_more(row.tally, row.method, sent=-1, refused=1)
    if mine.update(sends=row.sends - 1, next_send_at=timezone.now(), tally=tally):
        rate_limits.refund(spent)
        rate_limits.add(refused)
