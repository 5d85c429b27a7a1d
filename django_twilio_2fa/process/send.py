"""Send a token: guard, reserve, call the provider, record, tell."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from .. import errors, moments
from ..conf import conf
from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber, as_contact
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification
from ..providers import MethodProvider, Sent
from ..providers.installed import get_providers
from . import (
    accounts,
    breaker,
    events,
    lockout,
    new_devices,
    phone_rules,
    rate_limits,
    reservations,
    send_reservations,
    verifications,
)
from .database import assign, retry
from .devices import Registered
from .limit_rows import RateLimit
from .methods import Methods
from .provider_call import call
from .subject import Subject

logger = logging.getLogger(__name__)

NOT_SET = {PhoneNumber.kind: errors.PhoneNotSet, EmailAddress.kind: errors.EmailNotSet}


def send(
    available: Methods,
    method: str,
    *,
    device: Registered | str | None = None,
    to: Contact | str | None = None,
    replaces: Registered | None = None,
    enrol: bool = False,
    name: str = "",
    data: dict[str, str] | None = None,
    instead_of: Verification | None = None,
) -> Verification:
    """Send a token to a registered device, or to a new destination to register it. See `Verifier.send`."""
    available.subject.authorize()
    provider = available.get(method)
    if isinstance(to, str):
        if provider.device_kind not in CONTACTS:
            raise errors.MethodNotAllowed(method=method)
        to = as_contact(provider.device_kind, to)
    if isinstance(device, str):
        device = available.devices.find(device)
        if device is None:
            raise errors.MissingUserData
    if device is None and to is None and not enrol:
        mine = (c.registered for c in available.choices() if c.provider.name == provider.name)
        device = next(mine, None)
    if available.subject.user is None:
        row = _for_anonymous(available.subject, provider, to)
    elif to is not None or enrol:
        row = new_devices.begin(available, provider, to, replaces, name, data)
    else:
        row = _to_prove(available, provider, device)
    try:
        row = _send(available, row, provider)
    except send_reservations.AnotherSend:
        row = _send(available, _to_prove(available, provider, device, store=True), provider)
    if instead_of is not None and _is_superseded(instead_of, row):
        verifications.cancel(available.subject, instead_of)
    return row


def _is_superseded(earlier: Verification, later: Verification) -> bool:
    """Return whether a registration ends because its user has begun another one.

    After a correction, the code that went to the wrong number is of no use. A registration of another kind
    may be in another tab and goes on there, unless it shows a secret: the session keeps one of these, and the
    user sees that the other was not set up.
    """
    if earlier.pk == later.pk or Purpose.PROVE in (earlier.purpose, later.purpose):
        return False
    return earlier.kind == later.kind or get_providers()[earlier.method].shows_secret


def resend(available: Methods, row: Verification, method: str = "") -> Verification:
    """Send the token of a pending verification again, perhaps by another method to the same number."""
    available.subject.authorize()
    provider = available.get(method or row.method)
    if provider.name != row.method and not available.reaches(provider, row):
        raise errors.MethodNotAllowed(method=provider.name)
    return _send(available, row, provider)


def _send(available: Methods, row: Verification, provider: MethodProvider) -> Verification:
    """Send the token of a verification. Raises `AnotherSend` for one that cannot be stored."""
    # Guard
    subject = available.subject
    verifications.require_own(subject, row)
    again = bool(row.sid or row.last_sent_at)
    if again and not provider.sends and row.purpose == Purpose.PROVE and row.status == Status.PENDING:
        send_reservations.raise_if_refused(subject, row, provider)
        return row  # there is nothing to send again

    # Reserve
    available.standing = None
    counted = subject.user, provider, row.purpose, row.contact
    spent, refused = send_reservations.send_counts(*counted), send_reservations.refused_counts(*counted)
    spent += _ask_breaker(subject, row, provider)
    client = rate_limits.client_limits(subject.request, subject.user) if spent else []
    try:
        send_reservations.reserve(subject, row, provider, [*client, *spent], refused)
    except errors.TwoFactorError as e:
        # A lock is named first. Until here it was only looked for together with the counters.
        send_reservations.raise_if_refused(subject, row, provider)
        if row.pk is None:
            raise
        row.refresh_from_db()
        if row.status == Status.PENDING and row.sends:
            e.verification = row
        elif row.status == Status.PENDING:
            verifications.end(subject, row, Status.CANCELED)
        raise

    # Call
    verb = provider.resend if again else provider.start
    try:
        sent = call(verb, row, request=subject.request)
    except errors.TwoFactorError as e:
        e.during = "send"
        _record_failure(subject, row, e, spent, refused)
        events.twilio_error(subject, e)
        raise

    # Record
    try:
        retry(_record, subject, row, sent)
    except errors.NotRecorded as e:
        e.verification = row  # the message went out, and its code works
        raise
    row.secret = sent.secret

    # Tell
    if provider.sends:
        events.sent(subject, row)
    return row


def _ask_breaker(subject: Subject, row: Verification, provider: MethodProvider) -> list[RateLimit]:
    """Return the counters of the breaker. What it refuses ends a verification that has not been sent."""
    try:
        return breaker.counters(subject, row, provider)
    except errors.TwoFactorError as e:
        send_reservations.raise_if_refused(subject, row, provider)  # a lock is named first
        if row.sends:
            e.verification = row
        elif row.pk is not None:
            verifications.end(subject, row, Status.CANCELED)
        raise


def _record(subject: Subject, row: Verification, sent: Sent) -> None:
    """Record a send. `row` is brought up to date."""
    fields: dict[str, Any] = {"last_sent_at": timezone.now(), "sid": sent.sid, "error_code": ""}
    # While a number is being registered, the age of a verification at Twilio is not shown: it may be its
    # owner's, and would say that they are signing in just now.
    if sent.started_at and row.purpose == Purpose.PROVE and subject.user is not None:
        started = moments.aware(sent.started_at)
        fields["created_at"] = moments.stored(started)
        fields["expires_at"] = moments.stored(started + conf.expiration)
    if sent.data is not None:
        fields["data"] = {**row.data, **sent.data}
    if Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields):
        assign(row, fields)
    else:
        row.refresh_from_db()


def _record_failure(
    subject: Subject,
    row: Verification,
    error: errors.TwoFactorError,
    spent: Sequence[RateLimit],
    refused: Sequence[RateLimit],
) -> None:
    """Record a send that failed. If it certainly did not happen, its counters are moved back."""
    if not error.uncertain:
        retry(send_reservations.give_send_back, row, spent, refused)
    if isinstance(error, errors.MaxSendsReached):
        # Twilio's own count, which another verification of the same number may have used up.
        Verification.objects.filter(pk=row.pk).update(sends=conf.MAX_SENDS)
    Verification.objects.filter(pk=row.pk).update(error_code=error.full_code[:64])
    if error.blocks_method and row.destination:
        lockout.block_method(subject.user, row.method, row.identity)
        events.fraud_suspected(subject, row, error)
    if isinstance(error, errors.CannotReceive) and row.device_id:
        Device.objects.filter(pk=row.device_id).update(line_type="landline")
    row.refresh_from_db()
    if isinstance(error, errors.MaxSendsReached | errors.MaxAttemptsReached):
        error.data.setdefault("retry_after", reservations.until_over(row))
    if error.uncertain or isinstance(error, errors.MaxSendsReached):
        # The code may have arrived, or an earlier one still works: let the user enter it.
        error.verification = row


# Find or begin the verification


def _for_anonymous(subject: Subject, provider: MethodProvider, to: Contact | None) -> Verification:
    """Begin a verification of no user. It belongs to the session that asked, or to the caller with its id.

    Raises `MissingUserData`, `MethodNotAllowed`, and what `phone_rules.refuse_country` raises.
    """
    if to is None:
        raise errors.MissingUserData
    if provider.device_kind != to.kind or provider.why_unsuitable(to):
        raise errors.MethodNotAllowed(method=provider.name)
    phone_rules.refuse_country(to, user=None, request=subject.request)
    bound = subject.flow_digests[0] if subject.flow else ""
    return verifications.get_or_begin(subject, provider, Purpose.PROVE, to, flow_digest=bound)


def _to_prove(
    available: Methods, provider: MethodProvider, device: Registered | None, *, store: bool = False
) -> Verification:
    """Find or begin the verification of a registered device. One that begins is stored with its first send.

    Raises `PhoneNotSet`, `EmailNotSet` or `NoMethodAvailable` without a device, and `MethodNotAllowed`.
    """
    subject = available.subject
    if device is not None and device is available.devices.unproven() and device.contact is not None:
        details = {accounts.SITE_VALUE: True}
        return verifications.get_or_begin(subject, provider, Purpose.ENROL, device.contact, details=details)
    if provider.device_kind is None:
        return verifications.get_or_begin(subject, provider, Purpose.PROVE, store=store)
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
    return verifications.get_or_begin(
        subject, provider, Purpose.PROVE, device.contact, device.device, store=store
    )
