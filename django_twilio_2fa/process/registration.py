"""Decide whether a device may be registered, and tell its owner and the site of it; rename and remove."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.utils import timezone

from .. import errors
from ..contacts import CONTACTS
from ..digests import digests
from ..models import Device, Purpose, Verification, contact_of, details_of
from ..notices import address_of, tell_owner
from . import approval, events, verifications, wording
from .database import retry
from .devices import (
    CALLBACKS,
    Registered,
    callback_returns,
    get_registered,
    has_callback,
    is_backup,
    is_kept_by_site,
)
from .methods import Methods
from .subject import Subject

logger = logging.getLogger(__name__)

PROOF_AGE = timedelta(minutes=10)


def authorize(available: Methods, kind: str | None = None) -> Verification | None:
    """Return the proof that lets the user register something now; None if nothing is registered yet.

    Raises `RegistrationNotAllowed`, `ChangeNotAllowed` or `ProofRequired`.
    """
    available.subject.authorize()
    first = not available.devices.all()
    if not available.may_register(kind):
        raise errors.RegistrationNotAllowed if first else errors.ChangeNotAllowed
    if first:
        return None
    proof = fresh_proof(available.subject)
    if proof is None:
        raise errors.ProofRequired
    return proof


def fresh_proof(subject: Subject) -> Verification | None:
    """Return an approved verification of this session, at most ten minutes old and not used up.

    It serves any number of additions, and one change or removal, which uses it up.
    """
    if not subject.flow or subject.user is None:
        return None
    return (
        verifications.approved_in(subject.user, subject.flow, subject.auth)
        .filter(approved_at__gte=timezone.now() - PROOF_AGE, proof_used_at=None)
        .first()
    )


def still_allowed(subject: Subject, row: Verification) -> bool:
    """Return whether what is registered is as it was when the code was sent.

    Asked again in the transaction that approves, see `approval.store_approval`.
    """
    if row.purpose == Purpose.PROVE:
        return not is_kept_by_site(row) or callback_returns(row, subject.request)
    if row.proof_id is not None:
        return True
    return all(_is_unproven_value(row, r) for r in get_registered(subject.user, subject.request))


def _is_unproven_value(row: Verification, registered: Registered) -> bool:
    """Return whether this is the value of the site's own field that the row is to prove."""
    if registered.id != row.kind or registered.proven:
        return False
    contact = registered.contact
    return contact is not None and row.destination_digest in digests(row.kind, contact.identity)


def replaces_site_value(subject: Subject, row: Verification) -> bool:
    """Return whether the site has a value of this kind, which the new one replaces."""
    if row.proof_id is None or not is_kept_by_site(row):
        return False
    return any(r.kind == row.kind for r in get_registered(subject.user, subject.request))


# Telling the owner and the site


def owner_notice(subject: Subject, row: Verification) -> Callable[[], None] | None:
    """Return a function that mails the owner of the account; None if nothing changes.

    Call this before anything changes, and the function after the approval.
    """
    if row.purpose != Purpose.ENROL:
        return None
    contact, replaced = row.contact, row.replaces
    if contact is not None and row.proof_id is not None and replaced is None and not has_callback(row.kind):
        replaced = Device.objects.for_value(subject.user, row.kind, str(contact)).first()
        if replaced is not None and replaced.data == details_of(contact):
            return None
    about = {"kind": row.kind, "address": address_of(subject.user)}
    if replaced is not None:
        old = wording.called(row.kind, masked=replaced.masked, name=replaced.name)
    elif replaces_site_value(subject, row):
        old = wording.called(row.kind)
    else:
        old = ""
    new = wording.called(row.kind, masked=row.masked, name=row.device_name)
    template = "twilio_2fa/email/changed" if old else "twilio_2fa/email/added"
    return partial(tell_owner, subject.user, template, old=old, new=new, **about)


def tell_site(subject: Subject, row: Verification, destination: str) -> bool:
    """Send the site the new number or address. Returns whether the site did not have it.

    Raises `UserDataNotStored` if the site keeps this kind and has not stored it.
    """
    if row.kind not in CONTACTS:
        return True
    value = contact_of(row.kind, destination, "", row.details)
    before = has_callback(row.kind) and callback_returns(row, subject.request)
    events.user_data(subject, row.kind, value)
    if not has_callback(row.kind):
        return True
    if not callback_returns(row, subject.request):
        logger.error(
            "No receiver of twilio_2fa_set_user_data stored the %s: TWILIO_2FA_%s does not return it",
            row.kind,
            CALLBACKS[row.kind],
        )
        raise errors.UserDataNotStored
    # A value that changed outside these pages has been proven as new; it verifies no session yet.
    if row.proof_id is None and not before:
        retry(lambda: approval.allow_verifying_session(row))
    return not before


# Naming and removing


def clean_name(name: str) -> str:
    """Return a device's name as it is stored. Raises `MalformedRequest` if it is too long, or no text."""
    name = " ".join(name.split())
    longest = Device._meta.get_field("name").max_length
    if len(name) > (longest or 0) or not name.isprintable():
        raise errors.MalformedRequest
    return name


def rename(available: Methods, device: str, name: str) -> Registered:
    """Name a device (its id), or remove its name. Returns the device.

    Raises `MissingUserData`, `ChangeNotAllowed`, and `MalformedRequest` for a bad name.
    """
    available.subject.authorize()
    name = clean_name(name)
    found = available.devices.find(device)
    if found is None:
        raise errors.MissingUserData
    if found.device is None or not available.may_rename(found):
        raise errors.ChangeNotAllowed
    found.device.name = name
    found.device.save(update_fields=["name"])
    return found


def remove(available: Methods, registered: Registered) -> None:
    """Remove a device and use up a fresh proof. Backups go with the last device; the owner gets a mail.

    Raises `ChangeNotAllowed`, `LastDevice` or `ProofRequired`.
    """
    available.refuse_removal(registered)
    devices, proof, device = available.devices, authorize(available, registered.kind), registered.device
    if proof is None or device is None:
        raise errors.ProofRequired
    # What the site keeps itself stays, so the user still has something to verify with.
    spare = any(r.device is None for r in devices.all())
    may_be_last = spare or is_backup(registered) or available.may_remove_last()
    gone = [wording.called(device.kind, masked=device.masked, name=device.name)]
    retry(lambda: approval.remove_device(device, proof, may_be_last=may_be_last))
    devices.refresh()
    left = devices.all()
    if all(is_backup(r) for r in left):
        for backup in left:
            if backup.device is not None:
                backup.device.delete()
                gone.append(wording.called(backup.kind, name=backup.device.name))
        devices.refresh()
    tell_owner(available.subject.user, "twilio_2fa/email/removed", gone=gone)
