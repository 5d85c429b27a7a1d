"""How a verification's row begins and ends: conditional updates, so that each happens once."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from .. import errors, moments
from ..contacts import CONTACTS
from ..digests import digest, digests
from ..installed import get_providers
from ..managers import users
from ..models import Counter, Device, ProvenContact, Purpose, Status, Verification, details_of
from ..providers import NewDevice
from .devices import from_callback, has_callback
from .reservations import lease_free

logger = logging.getLogger(__name__)

T = TypeVar("T")
TRIES = 5
PAUSE = 0.1


class Outcome(enum.Enum):
    """What became of an approval."""

    APPROVED = "approved"
    REFUSED = "refused"
    """The token was right, but what it was to allow is no longer allowed."""
    FULL = "full"
    """The token was right, but the user has as many devices as they may have."""
    LOST = "lost"
    """The row was no longer this check's to decide."""


WHY = {Outcome.REFUSED: errors.ProofRequired.code, Outcome.FULL: errors.TooManyDevices.code}
"""The error code that a row is left with."""


def said(error: Exception) -> str:
    """What a database says, less the values: further lines may show the row, and so may its traceback."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


@contextmanager
def stored() -> Iterator[None]:
    """Raise `NotRecorded` where the database fails, and log why.

    The traceback goes nowhere: its frames hold what was to be stored, numbers and addresses among it.
    """
    try:
        yield
        return
    except (DatabaseError, InterfaceError) as e:
        logger.error("The database failed: %s", said(e))
    raise errors.NotRecorded


def retried(action: Callable[[], T]) -> T:
    """Do it again if the database fails for a moment: what Twilio has answered cannot be asked again.

    Raises `NotRecorded` where it goes on failing.
    """
    for n in range(1, TRIES):
        try:
            return action()
        except (DatabaseError, InterfaceError) as e:
            logger.warning("Recording failed, trying again (%d of %d): %s", n, TRIES - 1, said(e))
            time.sleep(PAUSE * n)
    with stored():
        last = action()
    return last


def get_or_create_pending(
    keys: list[str], fields: dict[str, Any], *, expired: Callable[[Verification], None]
) -> tuple[Verification, bool]:
    """The row that holds one of the keys, or a new one for the first; whoever inserts first wins.

    A holder whose time is up makes way; `expired` is told of one that was pending until now.
    """
    while True:
        row = Verification.objects.filter(pending_key__in=keys).first()
        now = timezone.now()
        if row is None:
            try:
                with transaction.atomic():
                    row = Verification.objects.create(pending_key=keys[0], **fields)
            except IntegrityError:
                continue
            _take_over_cooldown(row)
            return row, True
        if row.expires_at > now or (row.lease_until is not None and row.lease_until > now):
            return row, False
        if end(row, Status.EXPIRED):
            row.refresh_from_db()
            expired(row)
        else:
            over = Verification.objects.filter(pk=row.pk, expires_at__lte=now).exclude(status=Status.PENDING)
            over.update(pending_key=None)


def _take_over_cooldown(row: Verification) -> None:
    """Let the cooldown of the user's last send to this destination go on in a new row.

    Canceling, another tab or another session does not end it. An approval does, and Twilio's word that the
    code is good no longer. It is looked up once the row holds its key: whatever it replaces has ended by
    then, with its last cooldown.
    """
    earlier = Verification.objects.filter(user=row.user_id, next_send_at__gt=timezone.now())
    if row.by_stranger:
        earlier = earlier.filter(flow_digest=row.flow_digest, transport=row.transport, kind=row.kind)
    elif row.user_id is not None and row.destination_digest:
        earlier = earlier.filter(destination_digest__in=digests(row.kind, row.identity))
    else:
        return
    earlier = earlier.exclude(Q(pk=row.pk) | Q(status__in=(Status.APPROVED, Status.EXPIRED)))
    until = earlier.aggregate(until=Max("next_send_at"))["until"]
    if until is not None:
        Verification.objects.filter(pk=row.pk).update(next_send_at=until)
        row.next_send_at = until


def end(
    row: Verification, status: Status, *, lease: str = "", error_code: str = "", keep_key: bool = False
) -> bool:
    """End a pending row that no check is under way for, or whose check holds `lease`.

    The destination is blanked. `keep_key`: nothing may take the row's place until it would have expired.
    Returns whether this call ended it.
    """
    rows = Verification.objects.filter(pk=row.pk, status=Status.PENDING)
    rows = rows.filter(lease=lease) if lease else rows.filter(lease_free())
    fields: dict[str, Any] = {"status": status, "destination": "", "ended_at": timezone.now()}
    fields |= {"lease": "", "lease_until": None}
    if error_code:
        fields["error_code"] = error_code
    if not keep_key:
        fields["pending_key"] = None
    return bool(rows.update(**fields))


def approve(
    row: Verification,
    lease: str,
    *,
    sid: str,
    flow: str,
    auth: str,
    device: NewDevice | None = None,
    changes: bool = False,
    most: int | None = None,
) -> Outcome:
    """From pending to approved, with what it registers, in one transaction that one check wins.

    A change (`changes`: of what the site keeps itself) uses its proof up here. An addition only sees that the
    proof has not been used up, and that there is room: `most` devices at the most. An enrolment that was
    allowed because nothing was registered is refused if something is by now.
    """
    now = timezone.now()
    enrols = row.purpose == Purpose.ENROL
    theirs = has_callback(row.kind)
    with transaction.atomic(durable=True):
        if enrols and row.user_id is not None:
            # Two registrations at once: the second has to see the first.
            _lock_user(row.user_id)
        mine = Verification.objects.filter(pk=row.pk, status=Status.PENDING, lease=lease)
        if row.purpose == Purpose.PROVE and row.kind and not theirs and row.user_id is not None:
            # The device was removed meanwhile: its deletion blanked the row's reference to it.
            mine = mine.filter(device__isnull=False)
        outcome = _claim(row, device, changes=changes, most=most) if enrols else Outcome.APPROVED
        allowed = outcome is Outcome.APPROVED
        fields: dict[str, Any] = {
            "status": Status.APPROVED if allowed else Status.FAILED,
            "error_code": WHY.get(outcome, ""),
            "sid": sid or row.sid,
            "approved_at": now if allowed else None,
            "ended_at": now,
            "pending_key": None,
            "destination": "",
            "lease": "",
            "lease_until": None,
        }
        if allowed and flow:
            fields["flow_digest"] = digest("flow", flow)
            fields["auth_digest"] = auth
            # A site's own field is not known to hold the new value yet; an added device proves nothing.
            fields["verifies"] = not enrols or (row.proof_id is None and not theirs)
        if not mine.update(**fields):
            transaction.set_rollback(True)
            return Outcome.LOST
        if not allowed:
            return outcome
        if enrols and not theirs:
            _store(row, now, device)
        elif row.device_id:
            Device.objects.filter(pk=row.device_id).update(last_used_at=now)
    return Outcome.APPROVED


def use_up(proof: Verification) -> bool:
    """Use a proof, once; returns whether it was unused."""
    return bool(
        Verification.objects.filter(pk=proof.pk, proof_used_at=None).update(proof_used_at=timezone.now())
    )


def _is_unused(proof: Verification) -> bool:
    """Whether a proof has not been used up. It cannot be until this transaction has ended."""
    return bool(Verification.objects.filter(pk=proof.pk, proof_used_at=None).update(proof_used_at=None))


def _lock_user(user_id: Any) -> None:
    """Let nobody else change what this user has registered until this transaction has ended."""
    list(users().select_for_update().filter(pk=user_id).values_list("pk"))


def _claim(row: Verification, device: NewDevice | None, *, changes: bool, most: int | None) -> Outcome:
    """Whether the enrolment is allowed. One proof serves any number of additions, and one change."""
    if row.proof is None:
        first = not Device.objects.filter(user=row.user_id).exclude(kind__in=_callback_kinds()).exists()
        return Outcome.APPROVED if first else Outcome.REFUSED
    if changes or _takes_a_place(row, device):
        return Outcome.APPROVED if use_up(row.proof) else Outcome.REFUSED
    if not _is_unused(row.proof):
        return Outcome.REFUSED
    stand_alone = _standing_alone(row.user_id)
    if most is not None and row.kind not in _uncounted() and stand_alone.count() >= most:
        return Outcome.FULL
    return Outcome.APPROVED


def _takes_a_place(row: Verification, device: NewDevice | None) -> bool:
    """Whether something that is registered gives way to what the row registers."""
    if row.replaces_id is not None:
        return True
    if contact := row.contact:
        # The same number behind a switchboard: it keeps one extension.
        there = Device.objects.for_value(row.user_id, row.kind, str(contact)).first()
        return there is not None and there.data != details_of(contact)
    only = device is not None and device.only
    return only and Device.objects.filter(user=row.user_id, kind=row.kind).exists()


def _callback_kinds() -> list[str]:
    return [kind for kind in CONTACTS if has_callback(kind)]


def _uncounted() -> list[str]:
    """Kinds that leave nobody anything to verify with alone, or that are not ours to count."""
    backups = [p.device_kind for p in get_providers().values() if p.is_backup and p.device_kind]
    return [*_callback_kinds(), *backups]


def _standing_alone(user_id: Any) -> QuerySet[Device]:
    found: QuerySet[Device] = Device.objects.filter(user=user_id).exclude(kind__in=_uncounted())
    return found


def remove(device: Device, proof: Verification, *, may_be_last: bool) -> None:
    """Delete a device and use its proof up. Raises `LastDevice` or `ProofRequired`.

    `may_be_last`: it does not matter whether another one is left.
    """
    with transaction.atomic():
        # Two at once, each with a proof of its own: the second has to see that the first is gone.
        _lock_user(device.user_id)
        if not may_be_last and not _standing_alone(device.user_id).exclude(pk=device.pk).exists():
            raise errors.LastDevice
        if not use_up(proof):
            raise errors.ProofRequired
        device.delete()


def _store(row: Verification, now: Any, device: NewDevice | None) -> None:
    fields: dict[str, Any] = {"last_used_at": now}
    if row.replaces_id is not None:
        fields.update(Device.objects.filter(pk=row.replaces_id).values("name").first() or {})
        Device.objects.filter(pk=row.replaces_id).delete()
    if contact := row.contact:
        Device.objects.register(row.user, contact, **fields)
    elif device is not None and row.user_id is not None:
        if device.only:
            Device.objects.filter(user_id=row.user_id, kind=row.kind).delete()
        if row.device_name:
            fields["name"] = row.device_name
        Device.objects.create(
            user_id=row.user_id,
            kind=row.kind,
            value=device.value,
            digest=digest(row.kind, device.value),
            masked=device.masked,
            data=device.data,
            **fields,
        )


def approved_in(user: Any, flow: str, auth: str | list[str]) -> QuerySet[Verification]:
    """Rows that verify this session of the user's, the newest approval first."""
    return Verification.objects.filter(
        user=user,
        status=Status.APPROVED,
        verifies=True,
        flow_digest__in=digests("flow", flow),
        auth_digest__in=[auth] if isinstance(auth, str) else auth,
    ).order_by("-approved_at")


def let_verify(row: Verification) -> None:
    """Let an approved enrolment verify its session, once the site has stored what it registers."""
    Verification.objects.filter(pk=row.pk, status=Status.APPROVED).update(verifies=True)
    row.refresh_from_db()


def callback_returns(row: Verification, request: Any) -> bool:
    """Whether the site's callback returns the destination of the row, asked with the user as now stored."""
    user = users().get(pk=row.user_id)
    told = from_callback(row.kind, user, request)
    return bool(told and told.contact and row.destination_digest in digests(row.kind, told.contact.identity))


def remember_proven(row: Verification) -> None:
    """Remember which value of the site's own field was proven last."""
    values = {"digest": row.destination_digest, "proven_at": timezone.now()}
    ProvenContact.objects.update_or_create(user=row.user, kind=row.kind, defaults=values)


BATCH = 1000


def prune(age: timedelta, *, dry_run: bool = False) -> dict[str, int]:
    """Delete verifications and counts older than `age`, in batches, and blank what was left in clear.

    Returns how many of each; with `dry_run` how many it would be.
    """
    now = timezone.now()
    left = Verification.objects.filter(lease_free(), expires_at__lte=now).exclude(destination="")
    old = Verification.objects.filter(created_at__lt=now - age, expires_at__lte=now)
    counts = Counter.objects.filter(window__gt=0, window__lt=int(moments.aware(now - age).timestamp()))
    if dry_run:
        return {"destinations": left.count(), "verifications": old.count(), "counts": counts.count()}
    ended = {"status": Status.EXPIRED, "pending_key": None, "ended_at": now}
    blanked = left.filter(status=Status.PENDING).update(destination="", **ended)
    blanked += left.update(destination="")
    return {"destinations": blanked, "verifications": _delete(old), "counts": _delete(counts)}


def _delete(rows: QuerySet[Any]) -> int:
    """In batches, so that no lock is held for long."""
    n = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        n += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return n
