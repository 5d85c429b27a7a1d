"""Find or begin the verification that registers a device."""

from __future__ import annotations

import logging
from typing import Any

from .. import errors
from ..contacts import CONTACTS, Contact, PhoneNumber
from ..models.verifications import NAME, Purpose, Status, Verification
from ..providers import MethodProvider
from . import accounts, pauses, phone_rules, rate_limits, reservations, send_reservations, verifications
from .devices import Registered, clean_name
from .methods import Methods
from .subject import Subject

logger = logging.getLogger(__name__)

REGISTRATION = "registration"
"""The key of what the client adds to a registration, in the `data` of a verification."""


def begin(
    available: Methods,
    provider: MethodProvider,
    to: Contact | None,
    replaces: Registered | None,
    name: str,
    data: dict[str, str] | None = None,
) -> Verification:
    """Find or begin the verification that registers a destination, or a device of the method's own kind.

    Raises what `Methods.authorize` raises, `MethodNotAllowed`, `TooManyDevices`, `MalformedRequest`
    for the name, and for a destination `CannotReceive`, `TooManyAccounts` and what `phone_rules` raises.
    """
    subject = available.subject
    kind = to.kind if to else provider.device_kind
    if provider.is_backup and not available.devices.all():
        raise errors.MethodNotAllowed(method=provider.name)
    if replaces is None:
        available.refuse_too_many(provider)
    proof = available.authorize(kind)
    # A device of the provider's own kind has no destination, any other has one.
    if provider.device_kind != kind or kind is None or (to is None) is (kind in CONTACTS):
        raise errors.MethodNotAllowed(method=provider.name)
    fields: dict[str, Any] = {"proof": proof, "replaces": replaces.device if replaces else None}
    if name := clean_name(name):
        fields["details"] = {NAME: name}
    if to is None:
        if data is not None:
            fields["data"] = {REGISTRATION: data}
        return verifications.get_or_begin(subject, provider, Purpose.ENROL, **fields)
    phone_rules.refuse_country(to, user=subject.user, request=subject.request)
    if provider.why_unsuitable(to):
        raise errors.CannotReceive
    row = verifications.get_or_begin(subject, provider, Purpose.ENROL, to, **fields)
    _refuse_full(subject, row, provider, to)
    _check_line_type(subject, row, provider, to)
    return row


def _refuse_full(subject: Subject, row: Verification, provider: MethodProvider, to: Contact) -> None:
    """Refuse a destination that as many accounts have as may have it. It counts as a refused send."""
    if not accounts.is_full(subject, row):
        return
    code = errors.TooManyAccounts.code
    verifications.end(subject, row, Status.FAILED, error_code=code)
    logger.warning("A registration was refused: %s. Verification %s shows the accounts.", code, row.pk)
    counts = send_reservations.refused_counts(subject.user, provider, row.purpose, to)
    if not rate_limits.try_to_consume(counts):
        raise errors.TooManySends
    raise errors.TooManyAccounts


def _may_look_up(subject: Subject, row: Verification, provider: MethodProvider) -> bool:
    # A lookup costs money, too, and no code would follow it during a pause.
    return reservations.consume_lookup(subject.user, pauses.keys_of(row, provider))


def _check_line_type(subject: Subject, row: Verification, provider: MethodProvider, to: Contact) -> None:
    """Look the number up once for each verification, and refuse what the settings refuse."""
    if not isinstance(to, PhoneNumber) or row.sends:
        return
    about = {"user": subject.user, "request": subject.request}
    if not phone_rules.wants_lookup(to, **about):
        return
    if row.status == Status.FAILED and row.error_code == errors.InvalidPhoneNumber.code:
        raise errors.InvalidPhoneNumber
    found = row.line_type
    asks = not found and row.status == Status.PENDING and _may_look_up(subject, row, provider)
    try:
        if asks:
            found = phone_rules.look_up(to) or ""
            Verification.objects.filter(pk=row.pk).update(line_type=found)
            row.line_type = found
        phone_rules.refuse_line_type(found or None, **about)
    except errors.TwoFactorError as e:
        verifications.end(subject, row, Status.FAILED, error_code=e.code, keep_key=True)
        raise
    if found and provider.why_unsuitable(PhoneNumber(str(to), carrier_type=found)):
        raise errors.CannotReceive
