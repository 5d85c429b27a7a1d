"""Check whether a registration may still be stored, and notify its owner and the site."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from .. import errors
from ..contacts import CONTACTS, contact_of, details_of
from ..digests import digests
from ..models.devices import Device
from ..models.verifications import Purpose, Verification
from ..notices import address_of, tell_owner
from . import events, wording
from .database import retry
from .devices import (
    CALLBACKS,
    Registered,
    callback_returns,
    from_callback,
    from_device,
    get_registered,
    has_callback,
    is_kept_by_site,
)
from .subject import Subject

logger = logging.getLogger(__name__)


def still_allowed(subject: Subject, row: Verification, *, kept: bool) -> bool:
    """Return whether the user's devices still allow the verification, as they did when the code was sent.

    `kept`: the site keeps this kind, see `is_kept_by_site`.
    The transaction that approves checks this again, see `approval.store_approval`.
    """
    if row.purpose == Purpose.PROVE:
        return not kept or callback_returns(row, subject.request)
    if row.proof_id is not None:
        return True
    return all(_is_unproven_value(row, r) for r in get_registered(subject.user, subject.request))


def _is_unproven_value(row: Verification, registered: Registered) -> bool:
    """Return whether this is the value of the site's own field that the row verifies."""
    if registered.id != row.kind or registered.proven:
        return False
    contact = registered.contact
    return contact is not None and row.destination_digest in digests(row.kind, contact.identity)


def replaces_site_value(subject: Subject, row: Verification) -> bool:
    """Return whether the row replaces a value of this kind that the site keeps."""
    if row.proof_id is None or not is_kept_by_site(row):
        return False
    return any(r.kind == row.kind for r in get_registered(subject.user, subject.request))


# Notifying the owner and the site


def owner_notice(subject: Subject, row: Verification, *, changes: bool) -> Callable[[], None] | None:
    """Return a function that e-mails the owner of the account. None if nothing changes.

    `changes`: the row replaces a value that the site keeps, see `replaces_site_value`. Call this before
    anything changes, and the returned function after the approval.
    """
    if row.purpose != Purpose.ENROL:
        return None
    contact, replaced = row.contact, row.replaces
    if contact is not None and row.proof_id is not None and replaced is None and not has_callback(row.kind):
        replaced = Device.objects.for_value(subject.user, row.kind, str(contact)).first()
        if replaced is not None and replaced.data == details_of(contact):
            return None
    about: dict[str, Any] = {"kind": row.kind, "address": address_of(subject.user)}
    if replaced is not None:
        old = wording.called(row.kind, masked=replaced.masked, name=replaced.name)
        about["also"] = [from_device(replaced).contact]
    elif changes:
        old = wording.called(row.kind)
        told = from_callback(row.kind, subject.user, subject.request)
        about["also"] = [told.contact] if told else []
    else:
        old = ""
    new = wording.called(row.kind, masked=row.masked, name=row.device_name)
    template = "twilio_2fa/email/changed" if old else "twilio_2fa/email/added"
    return partial(tell_owner, subject.user, template, old=old, new=new, **about)


def tell_site(subject: Subject, row: Verification, destination: str) -> bool:
    """Send the signal with the new number or address. Returns False if the site had it already.

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
    # A value that the site had before was changed outside these pages. Proving it verifies no session yet.
    if row.proof_id is None and not before:
        retry(_allow_verifying_session, row)
    return not before


def _allow_verifying_session(row: Verification) -> None:
    """Let an approved registration verify its session, once the site has stored its value."""
    Verification.objects.filter(pk=row.pk).update(verifies_session=True)
    row.refresh_from_db()
