"""Read a user's devices, and the numbers and addresses that the site's callbacks return."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber, as_contact
from ..digests import digests
from ..managers import users
from ..models.devices import Device, ProvenContact
from ..models.verifications import Verification
from ..providers.installed import provider_of
from .provider_call import answer_of
from .subject import Subject

logger = logging.getLogger(__name__)

# If one of these settings is set, its callback is the only source for its kind.
CALLBACKS = {PhoneNumber.kind: "PHONE_NUMBER_CB", EmailAddress.kind: "EMAIL_CB"}


@dataclass(frozen=True)
class Registered:
    """A device of a user, or the value of a site's callback.

    `id` identifies it in forms and URLs: the id of the device, or the kind of the callback's value.
    `contact` is None if there is no number or address, or if it cannot be parsed. `proven` is False for a
    callback's value that differs from the last proven one. `default_at` is the time when its user made it
    the default.
    """

    kind: str
    id: str
    masked: str
    contact: Contact | None = None
    device: Device | None = None
    proven: bool = True
    default_at: datetime | None = None


def has_callback(kind: str) -> bool:
    """Return whether the site keeps this kind itself, so that a callback returns the value."""
    return kind in CALLBACKS and getattr(conf, CALLBACKS[kind]) is not None


def from_callback(kind: str, user: Any, request: Any = None) -> Registered | None:
    """Return the value of the site's callback for a kind. None if the callback returns none.

    If the callback raises, or its value cannot be parsed, an unusable value is returned: with None, an
    attacker who knows the password could register a first device.
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
    kept = ProvenContact.objects.filter(user=user, kind=kind).values_list("digest", "default_at").first()
    last, default_at = kept or ("", None)
    # The number as phonenumbers writes it today, or as it was written when it was proven.
    proven = not last or last in (*digests(kind, contact.identity), *digests(kind, str(value)))
    if not proven and isinstance(contact, PhoneNumber) and not contact.is_valid:
        logger.error("TWILIO_2FA_%s returned no valid %s", CALLBACKS[kind], kind)
        return Registered(kind, id=kind, masked="")
    return Registered(
        kind, id=kind, masked=contact.obfuscated, contact=contact, proven=proven, default_at=default_at
    )


def from_device(device: Device) -> Registered:
    """Return a device as `Registered`."""
    try:
        contact = device.contact
    except errors.TwoFactorError:
        contact = None
    # The provider describes devices without a number or address to their user.
    provider = None if device.kind in CONTACTS else provider_of(device.kind)
    masked = device.masked or str(device)
    if provider:
        masked = answer_of(masked, provider.get_device_label, device)
    return Registered(
        device.kind,
        id=str(device.pk),
        masked=masked,
        contact=contact,
        device=device,
        default_at=device.default_at,
    )


def get_registered(user: Any, request: Any = None) -> list[Registered]:
    """Return all that the user has registered, also if unusable now: the default first, then the oldest."""
    if user is None:
        return []
    own = [kind for kind in CALLBACKS if has_callback(kind)]
    told = [row for kind in own if (row := from_callback(kind, user, request))]
    rows = Device.objects.filter(user=user)
    found = told + [from_device(d) for d in (rows.exclude(kind__in=own) if own else rows)]
    return sorted(found, key=lambda r: r.default_at is None)


class Devices:
    """The devices of a user, which are read once."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._found: list[Registered] | None = None

    @property
    def is_read(self) -> bool:
        """Return whether `all()` has read the devices."""
        return self._found is not None

    def all(self) -> list[Registered]:
        """Return all that the user has registered, also if unusable now."""
        if self._found is None:
            self._found = get_registered(self.subject.user, self.subject.request)
        return self._found

    def find(self, id: str) -> Registered | None:
        """Return the device with this id, or None."""
        return next((r for r in self.all() if r.id == id), None)

    def refresh(self) -> None:
        """Forget the devices, so that the next call reads them again."""
        self._found = None

    def unproven(self) -> Registered | None:
        """Return the callback's value if it changed outside these pages and the user has no other device."""
        rows = self.all()
        return rows[0] if len(rows) == 1 and not rows[0].proven and rows[0].contact else None

    def is_last(self, registered: Registered) -> bool:
        """Return whether the user has no other device, apart from backups."""
        return all(r.id == registered.id or is_backup(r) for r in self.all())


def is_backup(registered: Registered) -> bool:
    """Return whether a device is a backup for other devices, such as recovery codes."""
    return is_backup_kind(registered.kind)


def is_backup_kind(kind: str) -> bool:
    """Return whether devices of this kind are backups for other ones."""
    provider = provider_of(kind)
    return provider is not None and provider.is_backup


def is_kept_by_site(row: Verification) -> bool:
    """Return whether a site's callback is the source of the row's kind. False for anonymous visitors."""
    return row.user_id is not None and has_callback(row.kind)


def callback_returns(row: Verification, request: Any) -> bool:
    """Return whether the site's callback returns the row's destination for the user, read again."""
    user = users().get(pk=row.user_id)
    told = from_callback(row.kind, user, request)
    return bool(told and told.contact and row.destination_digest in digests(row.kind, told.contact.identity))


def still_returned(row: Verification, user: Any, request: Any) -> bool:
    """Return whether the site still keeps the value that a row has verified. True for other kinds."""
    if not has_callback(row.kind):
        return True
    told = from_callback(row.kind, user, request)
    return bool(told and told.contact and row.destination_digest in digests(row.kind, told.contact.identity))


def remember_proven(row: Verification) -> None:
    """Store the digest of the value of the site's own field that was proven last."""
    values = {"digest": row.destination_digest, "proven_at": timezone.now()}
    ProvenContact.objects.update_or_create(user=row.user, kind=row.kind, defaults=values)


def clean_name(name: str) -> str:
    """Return a device's name with single spaces. Raises `MalformedRequest` if too long or not printable."""
    name = " ".join(name.split())
    longest = Device._meta.get_field("name").max_length
    if len(name) > (longest or 0) or not name.isprintable():
        raise errors.MalformedRequest
    return name
