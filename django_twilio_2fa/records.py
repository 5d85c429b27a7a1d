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

from . import errors, moments
from .contacts import CONTACTS
from .digests import digest, digests
from .limits import lease_free
from .managers import users
from .models import Counter, Device, ProvenContact, Purpose, Status, Verification
from .providers import NewDevice
from .registered import from_callback, has_callback

logger = logging.getLogger(__name__)

T = TypeVar("T")
TRIES = 5
PAUSE = 0.1


class Outcome(enum.Enum):
    """What became of an approval."""

    APPROVED = "approved"
    REFUSED = "refused"
    """The token was right, but what it was to allow is no longer allowed."""
    LOST = "lost"
    """The row was no longer this check's to decide."""


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

    Canceling, another tab or another session does not end it; an approval does. It is looked up once the row
    holds its key: whatever it replaces has ended by then, with its last cooldown.
    """
    earlier = Verification.objects.filter(user=row.user_id, next_send_at__gt=timezone.now())
    if row.by_stranger:
        earlier = earlier.filter(flow_digest=row.flow_digest, transport=row.transport, kind=row.kind)
    elif row.user_id is not None and row.destination_digest:
        earlier = earlier.filter(destination_digest__in=digests(row.kind, row.identity))
    else:
        return
    earlier = earlier.exclude(Q(pk=row.pk) | Q(status=Status.APPROVED))
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
    row: Verification, lease: str, *, sid: str, flow: str, auth: str, device: NewDevice | None = None
) -> Outcome:
    """From pending to approved, with what it registers, in one transaction that one check wins.

    An enrolment that was allowed by a proof uses it up here; one that was allowed because nothing was
    registered is refused if something is by now.
    """
    now = timezone.now()
    enrols = row.purpose == Purpose.ENROL
    theirs = has_callback(row.kind)
    with transaction.atomic(durable=True):
        if enrols and row.user_id is not None:
            # Two first registrations at once: the second has to see the first.
            list(users().select_for_update().filter(pk=row.user_id).values_list("pk"))
        mine = Verification.objects.filter(pk=row.pk, status=Status.PENDING, lease=lease)
        if row.purpose == Purpose.PROVE and row.kind and not theirs and row.user_id is not None:
            # The device was removed meanwhile: its deletion blanked the row's reference to it.
            mine = mine.filter(device__isnull=False)
        allowed = not enrols or _claim(row)
        fields: dict[str, Any] = {
            "status": Status.APPROVED if allowed else Status.FAILED,
            "error_code": "" if allowed else "proof_required",
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
            return Outcome.REFUSED
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


def _claim(row: Verification) -> bool:
    """Use the enrolment's proof up, or see that it needs none."""
    if row.proof is not None:
        return use_up(row.proof)
    return not Device.objects.filter(user=row.user_id).exclude(kind__in=_callback_kinds()).exists()


def _callback_kinds() -> list[str]:
    return [kind for kind in CONTACTS if has_callback(kind)]


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
