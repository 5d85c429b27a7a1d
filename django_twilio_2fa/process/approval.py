"""Approve a verification and store its device, in one transaction. Of concurrent checks, one succeeds."""

from __future__ import annotations

import enum
from copy import copy
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from .. import errors
from ..contacts import CONTACTS, details_of
from ..digests import digest
from ..managers import users
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification
from ..providers import Checked, NewDevice
from ..providers.installed import get_providers
from ..providers.user_agent import name_of
from . import accounts
from .database import assign
from .devices import has_callback
from .subject import Subject


class Outcome(enum.Enum):
    """The result of an approval."""

    APPROVED = "approved"
    REFUSED = "refused"
    """The token was right, but the registration is no longer allowed."""
    FULL = "full"
    """The token was right, but the user already has as many devices as allowed."""
    CROWDED = "crowded"
    """The token was right, but as many accounts as allowed already have the number or address."""
    SUPERSEDED = "superseded"
    """Another request has ended the row, or the row's device was removed."""


WHY = {
    Outcome.REFUSED: errors.ProofRequired,
    Outcome.FULL: errors.TooManyDevices,
    Outcome.CROWDED: errors.TooManyAccounts,
}
"""The error of each refusal. Its code is stored in the row."""


def store_approval(
    subject: Subject,
    row: Verification,
    lease: str,
    checked: Checked,
    *,
    changes: bool = False,
    most: int | None = None,
) -> Outcome:
    """Approve a pending row whose check holds `lease`, and store its device. Returns the outcome.

    `row` is refreshed, unless another request has ended it.

    `changes`: the row replaces a value that the site keeps. A change uses up its proof. An addition needs a
    proof that is not used up, and fewer than `most` devices. A first registration is refused if the user has
    registered a device meanwhile.
    """
    now, device, flow = timezone.now(), checked.device, subject.flow
    enrols = row.purpose == Purpose.ENROL
    theirs = has_callback(row.kind)
    with transaction.atomic(durable=True):
        if enrols and row.user_id is not None:
            # Concurrent registrations: the second has to see the first.
            lock_user(row.user_id)
        mine = Verification.objects.filter(pk=row.pk, status=Status.PENDING, lease=lease)
        used = checked.used.pk if checked.used is not None and not enrols else None
        if used is None and not enrols and row.kind and not theirs and row.user_id is not None:
            # If the device was removed meanwhile, the deletion has set the row's reference to NULL.
            mine = mine.filter(device__isnull=False)
        # Every registration locks in this order: first the user's row, then the destination's.
        if enrols and accounts.is_full(subject, row, lock=True):
            outcome = Outcome.CROWDED
        else:
            outcome = _claim(row, device, changes=changes, most=most) if enrols else Outcome.APPROVED
        allowed = outcome is Outcome.APPROVED
        fields: dict[str, Any] = {
            "status": Status.APPROVED if allowed else Status.FAILED,
            "error_code": WHY[outcome].code if outcome in WHY else "",
            "sid": checked.sid or row.sid,
            "approved_at": now if allowed else None,
            "ended_at": now,
            "pending_key": None,
            "destination": "",
            "lease": "",
            "lease_until": None,
        }
        if browser := name_of(subject.request):
            # The verification may have begun in another browser.
            fields["browser"] = browser
        if allowed and flow:
            fields["flow_digest"] = subject.flow_digests[0]
            fields["auth_digest"] = subject.auth
            # The site may not have stored the new value yet. An added device proves nothing.
            fields["verifies_session"] = not enrols or (row.proof_id is None and not theirs)
        if not mine.update(**fields):
            transaction.set_rollback(True)
            return Outcome.SUPERSEDED
        if allowed and enrols and not theirs:
            followers = _verified_here(row, device, fields.get("flow_digest"))
            row.registered, row.has_replaced = _store(row, now, device)
            _follow(row, followers)
        elif allowed and (last := used or row.device_id):
            if not _note_use(row, last, now):
                transaction.set_rollback(True)
                return Outcome.SUPERSEDED
            fields["device_id"] = last
    assign(row, fields)
    return outcome


def _use(row: Verification, now: Any) -> dict[str, Any]:
    """Return the fields of a device that record its last use."""
    return {"last_used_at": now, "last_method": row.method}


def _note_use(row: Verification, used: Any, now: Any) -> bool:
    """Record the use of a device. Returns False if it is not the user's, or was removed."""
    found = bool(Device.objects.filter(pk=used, user=row.user_id).update(**_use(row, now)))
    if found and used != row.device_id:
        Verification.objects.filter(pk=row.pk).update(device=used)
    return found


def _use_up(proof: Verification) -> bool:
    """Use up a proof. Returns False if it was used up already."""
    return bool(
        Verification.objects.filter(pk=proof.pk, proof_used_at=None).update(proof_used_at=timezone.now())
    )


def _is_unused(proof: Verification) -> bool:
    """Return whether a proof is unused, and lock it so that it stays unused until this transaction ends."""
    return bool(Verification.objects.filter(pk=proof.pk, proof_used_at=None).update(proof_used_at=None))


def lock_user(user_id: Any) -> None:
    """Lock the user's row until this transaction ends, so that concurrent registrations wait."""
    list(users().select_for_update().filter(pk=user_id).values_list("pk"))


def _claim(row: Verification, device: NewDevice | None, *, changes: bool, most: int | None) -> Outcome:
    """Return the outcome of a registration. One proof is enough for any number of additions and one change.

    This is checked again under the lock: devices may have changed since `registration.still_allowed`.
    """
    if row.proof is None:
        first = not Device.objects.filter(user=row.user_id).exclude(kind__in=_callback_kinds()).exists()
        return Outcome.APPROVED if first else Outcome.REFUSED
    if changes or _takes_a_place(row, device):
        return Outcome.APPROVED if _use_up(row.proof) else Outcome.REFUSED
    if not _is_unused(row.proof):
        return Outcome.REFUSED
    stand_alone = _standing_alone(row.user_id)
    if most is not None and row.kind not in _uncounted() and stand_alone.count() >= most:
        return Outcome.FULL
    return Outcome.APPROVED


def _takes_a_place(row: Verification, device: NewDevice | None) -> bool:
    """Return whether the row replaces a registered device."""
    if row.replaces_id is not None:
        return True
    if contact := row.contact:
        # The same number with another extension: only one extension is kept.
        there = Device.objects.for_value(row.user_id, row.kind, str(contact)).first()
        return there is not None and there.data != details_of(contact)
    only = device is not None and device.only
    return only and Device.objects.filter(user=row.user_id, kind=row.kind).exists()


def _callback_kinds() -> list[str]:
    return [kind for kind in CONTACTS if has_callback(kind)]


def _uncounted() -> list[str]:
    """Return the kinds that do not count as devices: backups, and kinds that the site keeps."""
    backups = [p.device_kind for p in get_providers().values() if p.is_backup and p.device_kind]
    return [*_callback_kinds(), *backups]


def _standing_alone(user_id: Any) -> QuerySet[Device]:
    found: QuerySet[Device] = Device.objects.filter(user=user_id).exclude(kind__in=_uncounted())
    return found


def remove_device(device: Device, proof: Verification, *, may_be_last: bool) -> None:
    """Delete a device and use up the proof. Raises `LastDevice` or `ProofRequired`.

    `may_be_last`: allow the removal of the only device.
    """
    with transaction.atomic():
        # Concurrent removals with different proofs: the second has to see that the first device is gone.
        lock_user(device.user_id)
        if not may_be_last and not _standing_alone(device.user_id).exclude(pk=device.pk).exists():
            raise errors.LastDevice
        if not _use_up(proof):
            raise errors.ProofRequired
        # A copy: Django clears the key of a deleted object, and a retry after a failed commit needs the key.
        copy(device).delete()


def _verified_here(row: Verification, device: NewDevice | None, flow: Any) -> list[int]:
    """Return the ids of this session's verifications if the row replaces a device, else none."""
    if not flow or not (row.replaces_id is not None or (device is not None and device.only)):
        return []
    here = Verification.objects.filter(user=row.user_id, flow_digest=flow, verifies_session=True)
    return list(here.values_list("pk", flat=True))


def _follow(row: Verification, followers: list[int]) -> None:
    """Link the row to the stored device, so that the verification ends when the device is deleted.

    If the device replaced another one, keep the session's verifications with the old device (`followers`).
    """
    row.device = row.registered
    if row.device is None:
        return
    Verification.objects.filter(pk=row.pk).update(device=row.device)
    ended = Verification.objects.filter(pk__in=followers, verifies_session=False)
    if followers:
        ended.update(verifies_session=True, device=row.device)


def _store(row: Verification, now: Any, device: NewDevice | None) -> tuple[Device | None, bool]:
    """Store the device that a row registers. Returns the device and whether it replaces another one."""
    # An added device does not verify a session, so its method is not recorded as used.
    fields: dict[str, Any] = _use(row, now) if row.proof_id is None else {"last_used_at": now}
    replaced = _replace(Device.objects.filter(pk=row.replaces_id)) if row.replaces_id is not None else []
    if replaced:
        fields |= {name: getattr(replaced[0], name) for name in ("name", "default_at", "last_method")}
    if contact := row.contact:
        stored, is_new = Device.objects.update_or_register(row.user, contact, **fields)
        return stored, bool(replaced) or not is_new
    if device is None or row.user_id is None:
        return None, bool(replaced)
    if device.only:
        replaced += _replace(Device.objects.filter(user_id=row.user_id, kind=row.kind))
    if row.device_name:
        fields["name"] = row.device_name
    stored = Device.objects.create(
        user_id=row.user_id,
        kind=row.kind,
        value=device.value,
        digest=digest(row.kind, device.value),
        masked=device.masked,
        data=device.data,
        **fields,
    )
    return stored, bool(replaced)


def _replace(devices: QuerySet[Device]) -> list[Device]:
    """Delete devices that are replaced by another one, and return them."""
    found = list(devices)
    for device in found:
        device.is_replaced = True
        device.delete()
    return found
