"""Name devices, choose the default one, remove devices, and forget browsers.

Each change needs a fresh proof and sends the owner an e-mail. Only a removal uses up the proof.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from .. import errors
from ..models.browsers import TrustedBrowser
from ..models.contention import again
from ..models.devices import Device, ProvenContact
from ..models.verifications import Verification
from ..notices import tell_owner
from ..providers.user_agent import shown_name
from . import approval, browsers, events, wording
from .database import retry
from .devices import Registered, clean_name, is_backup
from .methods import Methods


def rename(available: Methods, device: str, name: str, *, is_default: bool = False) -> Registered:
    """Set the name of a device, given by its id. An empty name removes the name. Returns the device.

    With `is_default`, the device is also made the default. If one of the two is refused, nothing changes.
    Raises `MissingUserData`, `ChangeNotAllowed`, `ProofRequired`, and `MalformedRequest` for a bad name.
    """
    available.subject.authorize()
    name = clean_name(name)
    found = _find(available, device)
    if found.device is None or not available.may_rename(found):
        raise errors.ChangeNotAllowed
    if is_default and not available.may_be_default(found):
        raise errors.ChangeNotAllowed
    require_proof(available)
    if found.device.name != name:
        old = _called(found)
        found.device.name = name
        again(partial(found.device.save, update_fields=["name"]))
        tell_owner(available.subject.user, "twilio_2fa/email/named", old=old, new=_called(found))
        events.device_changed(available.subject, found.kind, device, "name")
    return make_default(available, device) if is_default else found


def make_default(available: Methods, device: str) -> Registered:
    """Make a device, given by its id, the default, which is offered first. Returns the device.

    Raises `MissingUserData`, `ChangeNotAllowed` or `ProofRequired`.
    """
    available.subject.authorize()
    found = _find(available, device)
    if not available.may_be_default(found):
        raise errors.ChangeNotAllowed
    require_proof(available)
    if found.default_at is None:
        retry(_store_default, available.subject.user, found)
        available.devices.refresh()
        tell_owner(available.subject.user, "twilio_2fa/email/default", device=_called(found))
        events.device_changed(available.subject, found.kind, device, "default")
    return _find(available, device)


def _store_default(user: Any, registered: Registered) -> None:
    now = timezone.now()
    with transaction.atomic():
        # Concurrent changes: the second has to replace the first.
        approval.lock_user(user.pk)
        for rows in (Device.objects.filter(user=user), ProvenContact.objects.filter(user=user)):
            rows.filter(default_at__isnull=False).update(default_at=None)
        if registered.device is None:
            ProvenContact.objects.get_or_create(
                user=user, kind=registered.kind, defaults={"digest": "", "proven_at": now}
            )
            stored = ProvenContact.objects.filter(user=user, kind=registered.kind).update(default_at=now)
        else:
            stored = Device.objects.filter(user=user, pk=registered.device.pk).update(default_at=now)
        if not stored:
            raise errors.MissingUserData


def remove(available: Methods, registered: Registered) -> None:
    """Remove a device, use up a fresh proof, and e-mail the owner. Backups are removed with the last device.

    Raises `ChangeNotAllowed`, `LastDevice` or `ProofRequired`.
    """
    available.refuse_removal(registered)
    devices, proof, device = available.devices, available.authorize(registered.kind), registered.device
    if proof is None or device is None:
        raise errors.ProofRequired
    # A number or address that the site keeps stays, so the user can still verify with it.
    spare = any(r.device is None for r in devices.all())
    may_be_last = spare or is_backup(registered) or available.may_remove_last()
    gone = [_called(registered)]
    device.removed_in = available.subject.request
    retry(approval.remove_device, device, proof, may_be_last=may_be_last)
    devices.refresh()
    left = devices.all()
    if all(is_backup(r) for r in left):
        for backup in left:
            if backup.device is not None:
                backup.device.removed_in = available.subject.request
                again(backup.device.delete)
                gone.append(wording.called(backup.kind, name=backup.device.name))
        devices.refresh()
    user = available.subject.user
    tell_owner(user, "twilio_2fa/email/removed", also=[registered.contact], gone=gone)


def forget_browsers(available: Methods, id: str = "") -> list[TrustedBrowser]:
    """Forget one of the user's browsers, or all if no id is given. Returns the forgotten browsers.

    Raises `MissingUserData` if no browser has this id, and `ProofRequired`.
    """
    subject = available.subject
    subject.authorize()
    found = [b for b in TrustedBrowser.objects.filter(user=subject.user) if id in ("", str(b.pk))]
    if id and not found:
        raise errors.MissingUserData
    require_proof(available)
    for browser in found:
        browsers.end(browser, "user", subject.request)
    if found:
        names = [shown_name(browser.name) for browser in found]
        tell_owner(subject.user, "twilio_2fa/email/browser_ended", browsers=names)
    return found


def require_proof(available: Methods) -> Verification:
    """Return the fresh proof that a change needs. Raises `ProofRequired`."""
    proof = available.fresh_proof()
    if proof is None:
        raise errors.ProofRequired
    return proof


def _find(available: Methods, device: str) -> Registered:
    found = available.devices.find(device)
    if found is None:
        raise errors.MissingUserData
    return found


def _called(registered: Registered) -> str:
    name = registered.device.name if registered.device else ""
    return wording.called(registered.kind, masked=registered.masked, name=name)
