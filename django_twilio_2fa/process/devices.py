"""Read what a user has registered: devices, and values that the site's callbacks return."""

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

# Where one of these is set, it is the only source for its kind.
CALLBACKS = {PhoneNumber.kind: "PHONE_NUMBER_CB", EmailAddress.kind: "EMAIL_CB"}


@dataclass(frozen=True)
class Registered:
    """One thing that a user has registered.

    `id` names it in forms and addresses: the device's, or the kind where a callback is the source.
    `contact` is None where it is no number or address, or cannot be read as one. `proven` is False for a
    callback's value that is not the one that was proven last. `default_at` is when its user made it the
    default.
    """

    kind: str
    id: str
    masked: str
    contact: Contact | None = None
    device: Device | None = None
    proven: bool = True
    default_at: datetime | None = None


def has_callback(kind: str) -> bool:
    """Return whether the site keeps this kind itself."""
    return kind in CALLBACKS and getattr(conf, CALLBACKS[kind]) is not None


def from_callback(kind: str, user: Any, request: Any = None) -> Registered | None:
    """Return what the site's callback returns for the kind, or None.

    A callback that raises, or returns a value that cannot be read, counts as a device that cannot be used.
    Otherwise anybody with the password could register a device of their own.
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
    # As it is written today, and as it was written when it was proven.
    proven = not last or last in (*digests(kind, contact.identity), *digests(kind, str(value)))
    if not proven and isinstance(contact, PhoneNumber) and not contact.is_valid:
        logger.error("TWILIO_2FA_%s returned no valid %s", CALLBACKS[kind], kind)
        return Registered(kind, id=kind, masked="")
    return Registered(
        kind, id=kind, masked=contact.obfuscated, contact=contact, proven=proven, default_at=default_at
    )


def from_device(device: Device) -> Registered:
    """Return what a device stands for."""
    try:
        contact = device.contact
    except errors.TwoFactorError:
        contact = None
    # Of what has no number or address its user sees what its provider says.
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
    """Return everything that the user has registered, usable now or not: the default, then the oldest."""
    if user is None:
        return []
    own = [kind for kind in CALLBACKS if has_callback(kind)]
    told = [row for kind in own if (row := from_callback(kind, user, request))]
    rows = Device.objects.filter(user=user)
    found = told + [from_device(d) for d in (rows.exclude(kind__in=own) if own else rows)]
    return sorted(found, key=lambda r: r.default_at is None)


class Devices:
    """Read a user's devices, once."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._found: list[Registered] | None = None

    @property
    def is_read(self) -> bool:
        """True once `all()` has been read."""
        return self._found is not None

    def all(self) -> list[Registered]:
        """Return what the user has registered, usable now or not."""
        if self._found is None:
            self._found = get_registered(self.subject.user, self.subject.request)
        return self._found

    def find(self, id: str) -> Registered | None:
        """Return the one with this id, or None."""
        return next((r for r in self.all() if r.id == id), None)

    def refresh(self) -> None:
        """Read again at the next call."""
        self._found = None

    def unproven(self) -> Registered | None:
        """Return the callback's value if it changed outside these pages and the user has no other device."""
        rows = self.all()
        return rows[0] if len(rows) == 1 and not rows[0].proven and rows[0].contact else None

    def is_last(self, registered: Registered) -> bool:
        """Return whether the user would have no device left without this one, except backups."""
        return all(r.id == registered.id or is_backup(r) for r in self.all())


def is_backup(registered: Registered) -> bool:
    """Return whether this is a backup for other devices, such as recovery codes."""
    return is_backup_kind(registered.kind)


def is_backup_kind(kind: str) -> bool:
    """Return whether devices of this kind are backups for other ones."""
    provider = provider_of(kind)
    return provider is not None and provider.is_backup


def is_kept_by_site(row: Verification) -> bool:
    """Return whether the site's callback is the source of the row's kind. An anonymous visitor has none."""
    return row.user_id is not None and has_callback(row.kind)


def callback_returns(row: Verification, request: Any) -> bool:
    """Return whether the site's callback returns the row's destination for the user as stored now."""
    user = users().get(pk=row.user_id)
    told = from_callback(row.kind, user, request)
    return bool(told and told.contact and row.destination_digest in digests(row.kind, told.contact.identity))


def still_returned(row: Verification, user: Any, request: Any) -> bool:
    """Return whether what a row has verified is still the user's, if the site stores that itself."""
    if not has_callback(row.kind):
        return True
    told = from_callback(row.kind, user, request)
    return bool(told and told.contact and row.destination_digest in digests(row.kind, told.contact.identity))


def remember_proven(row: Verification) -> None:
    """Remember which value of the site's own field was proven last."""
    values = {"digest": row.destination_digest, "proven_at": timezone.now()}
    ProvenContact.objects.update_or_create(user=row.user, kind=row.kind, defaults=values)


def clean_name(name: str) -> str:
    """Strip a device's name and return it. Raises `MalformedRequest` if it is too long or not printable."""
    name = " ".join(name.split())
    longest = Device._meta.get_field("name").max_length
    if len(name) > (longest or 0) or not name.isprintable():
        raise errors.MalformedRequest
    return name
