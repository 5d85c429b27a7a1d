"""Find the pending verification that a send goes on with, or begin one."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from django.utils import timezone

from .. import errors
from ..conf import conf
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber
from ..digests import digest, digests
from ..models import EXTENSION, NAME, Device, Purpose, Status, Verification, details_of
from ..providers import MethodProvider
from . import phone_rules, registration, reservations, verifications
from .devices import Registered
from .methods import Methods
from .provider_call import service_id
from .subject import Subject

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}


def for_anonymous(subject: Subject, provider: MethodProvider, to: Contact | None) -> Verification:
    """Begin a verification of no user. It belongs to the session that asked, or to the caller with its id.

    Raises `MissingUserData`, `MethodNotAllowed`, and what `phone_rules.refuse_country` raises.
    """
    if to is None:
        raise errors.MissingUserData
    if provider.device_kind != to.kind or provider.why_unsuitable(to):
        raise errors.MethodNotAllowed(method=provider.name)
    phone_rules.refuse_country(to, user=None, request=subject.request)
    bound = digest("flow", subject.flow) if subject.flow else ""
    return get_or_begin(subject, provider, Purpose.PROVE, to, flow_digest=bound)


def to_prove(available: Methods, provider: MethodProvider, device: Registered | None) -> Verification:
    """Find or begin the verification of a registered device.

    Raises `PhoneNotSet`, `EmailNotSet` or `NoMethodAvailable` without a device, and `MethodNotAllowed`.
    """
    subject = available.subject
    if device is not None and device is available.devices.unproven() and device.contact is not None:
        return get_or_begin(subject, provider, Purpose.ENROL, device.contact)
    if provider.device_kind is None:
        return get_or_begin(subject, provider, Purpose.PROVE)
    if device is None:
        raise NOT_SET.get(provider.device_kind, errors.NoMethodAvailable)
    if not device.proven or not available.suits(provider, device):
        raise errors.MethodNotAllowed(method=provider.name)
    if isinstance(device.contact, PhoneNumber) and not device.contact.is_valid:
        logger.warning(
            "The number of %s is not one that phonenumbers knows today. It was proven once, so the code "
            "is sent. manage.py twilio_2fa_numbers lists all of them.",
            f"device {device.device.pk}" if device.device else f"user {subject.user.pk}",
        )
    return get_or_begin(subject, provider, Purpose.PROVE, device.contact, device.device)


def to_register(
    available: Methods,
    provider: MethodProvider,
    to: Contact | None,
    replaces: Registered | None,
    name: str,
) -> Verification:
    """Find or begin the verification that registers a destination, or a device of the method's own kind.

    Raises what `registration.authorize` raises, `MethodNotAllowed`, `TooManyDevices`, `MalformedRequest`
    for the name, and for a destination `CannotReceive` and what `phone_rules` raises.
    """
    subject = available.subject
    kind = to.kind if to else provider.device_kind
    if provider.is_backup and not available.devices.all():
        raise errors.MethodNotAllowed(method=provider.name)
    if replaces is None:
        available.refuse_too_many(provider)
    proof = registration.authorize(available, kind)
    # A device of the provider's own kind has no destination, any other has one.
    if provider.device_kind != kind or kind is None or (to is None) is (kind in CONTACTS):
        raise errors.MethodNotAllowed(method=provider.name)
    fields: dict[str, Any] = {"proof": proof, "replaces": replaces.device if replaces else None}
    if name := registration.clean_name(name):
        fields["details"] = {NAME: name}
    if to is None:
        return get_or_begin(subject, provider, Purpose.ENROL, **fields)
    phone_rules.refuse_country(to, user=subject.user, request=subject.request)
    if provider.why_unsuitable(to):
        raise errors.CannotReceive
    row = get_or_begin(subject, provider, Purpose.ENROL, to, **fields)
    _check_line_type(subject, row, provider, to)
    return row


def _check_line_type(subject: Subject, row: Verification, provider: MethodProvider, to: Contact) -> None:
    """Look the number up once for each verification, and refuse what the settings refuse."""
    if not isinstance(to, PhoneNumber) or row.sends:
        return
    about = {"user": subject.user, "request": subject.request}
    if not phone_rules.wants_lookup(to, **about):
        return
    found = row.line_type or (phone_rules.look_up(to) if reservations.spend_lookup(subject.user) else None)
    if found and not row.line_type:
        Verification.objects.filter(pk=row.pk).update(line_type=found)
        row.line_type = found
    try:
        phone_rules.refuse_line_type(found, **about)
    except errors.TwoFactorError as e:
        verifications.end(subject, row, Status.FAILED, error_code=e.code, keep_key=True)
        raise
    if found and provider.why_unsuitable(PhoneNumber(str(to), carrier_type=found)):
        raise errors.CannotReceive


def get_or_begin(
    subject: Subject,
    provider: MethodProvider,
    purpose: Purpose,
    contact: Contact | None = None,
    device: Device | None = None,
    **fields: Any,
) -> Verification:
    """Return the pending verification for user, purpose, transport and destination, or begin it.

    `fields` are written to one that is pending already, too. Raises `CheckInProgress`.
    """
    if provider.per_session and subject.user is not None:
        fields["flow_digest"] = digest("flow", subject.flow)
    if about := details_of(contact):
        fields["details"] = {**fields.get("details", {}), **about}
    service = service_id(subject, provider, purpose)
    keys = keys_for(subject, provider, purpose, contact, device, service)
    begun = {**new_fields(provider, purpose, contact, device), **fields}
    begun |= {"user": subject.user, "service": service}
    row, created = verifications.get_or_create_pending(subject, keys, begun)
    row.user = subject.user
    if created or row.status != Status.PENDING:
        return row
    if row.extension != about.get(EXTENSION, ""):
        # Another extension is another phone: a code that went to one proves nothing of the other.
        if not verifications.end(subject, row, Status.CANCELED):
            raise errors.CheckInProgress
        verifications.cancel_at_provider(subject, row)
        return get_or_begin(subject, provider, purpose, contact, device, **fields)
    if fields:
        # The same again, with a newer proof, by another name or in place of another device.
        if "details" in fields:
            fields["details"] = {**row.details, **fields["details"]}
        Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)
        row.refresh_from_db()
    return row


def keys_for(
    subject: Subject,
    provider: MethodProvider,
    purpose: Purpose,
    contact: Contact | None,
    device: Device | None,
    service: str,
) -> list[str]:
    """Return the unique key of a pending verification, under the current secret and earlier ones."""
    # Without a user and a session each verification is apart from all others.
    owner = subject.user.pk if subject.user is not None else subject.flow or uuid4()
    if provider.per_session and subject.user is not None:
        owner = f"{owner} {subject.flow}"
    target = contact.identity if contact else (str(device.pk) if device else "")
    where = [service] if service else []
    return digests("pending", owner, purpose, provider.transport, target, *where)


def new_fields(
    provider: MethodProvider, purpose: Purpose, contact: Contact | None, device: Device | None
) -> dict[str, Any]:
    """Return the fields of a verification that begins."""
    return {
        "purpose": purpose,
        "transport": provider.transport,
        "method": provider.name,
        "kind": provider.device_kind or "",
        "device": device,
        "destination": str(contact) if contact else "",
        "destination_digest": digest(contact.kind, contact.identity) if contact else "",
        "masked": contact.obfuscated if contact else (device.masked if device else ""),
        "line_type": getattr(contact, "carrier_type", None) or "",
        "expires_at": timezone.now() + conf.expiration,
    }
