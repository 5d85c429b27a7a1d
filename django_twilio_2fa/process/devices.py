"""What a user has registered: approved devices, and what the site's callbacks return."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber, as_contact
from ..digests import digests
from ..installed import provider_of
from ..models import Device, ProvenContact

logger = logging.getLogger(__name__)

# Where one of these is set, it is the only source for its kind.
CALLBACKS = {PhoneNumber.kind: "PHONE_NUMBER_CB", EmailAddress.kind: "EMAIL_CB"}


@dataclass(frozen=True)
class Registered:
    """One thing that a user has registered.

    `id` names it in forms and addresses: the device's, or the kind where a callback is the source.
    `contact` is None where it is no number or address, or cannot be read as one. `proven` is False for a
    callback's value that is not the one that was proven last.
    """

    kind: str
    id: str
    masked: str
    contact: Contact | None = None
    device: Device | None = None
    proven: bool = True


def has_callback(kind: str) -> bool:
    """Whether the site keeps this kind itself."""
    return kind in CALLBACKS and conf.is_set(CALLBACKS[kind])


def from_callback(kind: str, user: Any, request: Any = None) -> Registered | None:
    """What the site's callback returns for the kind.

    A callback that raises, or returns what cannot be read, counts as something registered that cannot be
    used: taking it for nothing would let whoever is signed in register a device of their own.
    """
    try:
        value = conf.resolve(CALLBACKS[kind], user=user, request=request)
        contact = as_contact(kind, value, stored=True)
    except errors.TwoFactorError:
        logger.error("TWILIO_2FA_%s returned no valid %s", CALLBACKS[kind], kind)
        return Registered(kind, id=kind, masked="")
    except Exception:
        logger.exception("TWILIO_2FA_%s failed", CALLBACKS[kind])
        return Registered(kind, id=kind, masked="")
    if contact is None:
        return None
    last = ProvenContact.objects.filter(user=user, kind=kind).values_list("digest", flat=True).first()
    # As it is written today, and as it was written when it was proven.
    proven = last is None or last in (*digests(kind, contact.identity), *digests(kind, str(value)))
    if not proven and isinstance(contact, PhoneNumber) and not contact.is_valid:
        logger.error("TWILIO_2FA_%s returned no valid %s", CALLBACKS[kind], kind)
        return Registered(kind, id=kind, masked="")
    return Registered(kind, id=kind, masked=contact.obfuscated, contact=contact, proven=proven)


def _from_device(device: Device) -> Registered:
    try:
        contact = device.contact
    except errors.TwoFactorError:
        contact = None
    # Of what has no number or address its user sees what its provider says.
    provider = None if device.kind in CONTACTS else provider_of(device.kind)
    masked = provider.describe(device) if provider else device.masked or str(device)
    return Registered(device.kind, id=str(device.pk), masked=masked, contact=contact, device=device)


def get_registered(user: Any, request: Any = None) -> list[Registered]:
    """Everything that the user has registered, usable now or not, the oldest device first."""
    if user is None:
        return []
    own = [kind for kind in CALLBACKS if has_callback(kind)]
    told = [row for kind in own if (row := from_callback(kind, user, request))]
    return told + [_from_device(d) for d in Device.objects.filter(user=user).exclude(kind__in=own)]
