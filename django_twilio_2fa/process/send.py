"""Send a token: guard, reserve, call the provider, record, tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from .. import errors, moments
from ..conf import conf
from ..contacts import CONTACTS, Contact, as_contact
from ..models import Device, Purpose, Status, Verification
from ..providers import MethodProvider, Sent
from . import events, lockout, pending, rate_limits, reservations, verifications
from .database import retry
from .devices import Registered
from .methods import Methods
from .provider_call import call
from .rate_limits import Count
from .subject import Subject


def send(
    available: Methods,
    method: str,
    *,
    device: Registered | str | None = None,
    to: Contact | str | None = None,
    replaces: Registered | None = None,
    enrol: bool = False,
    name: str = "",
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
        row = pending.for_anonymous(available.subject, provider, to)
    elif to is not None or enrol:
        row = pending.to_register(available, provider, to, replaces, name)
    else:
        row = pending.to_prove(available, provider, device)
    return _send(available.subject, row, provider)


def resend(available: Methods, row: Verification, method: str = "") -> Verification:
    """Send the token of a pending verification again, perhaps by another method of its transport."""
    available.subject.authorize()
    provider = available.get(method or row.method)
    if provider.name != row.method and not available.reaches(provider, row):
        raise errors.MethodNotAllowed(method=provider.name)
    return _send(available.subject, row, provider)


def _send(subject: Subject, row: Verification, provider: MethodProvider) -> Verification:
    # Guard
    verifications.require_own(subject, row)
    lockout.raise_if_locked(subject.user, subject.flow, provider.counted_apart)
    if lockout.refused_methods(subject.user, [(provider.name, row.identity)]):
        raise errors.ChannelRefused
    again = bool(row.sid or row.last_sent_at)
    if again and not provider.sends and row.purpose == Purpose.PROVE and row.status == Status.PENDING:
        return row  # there is nothing to send again

    # Reserve
    spent = reservations.send_counts(subject.user, row, provider)
    refused = reservations.refused_counts(subject.user, row, provider)
    client = rate_limits.for_client(subject.request, subject.user) if spent else []
    try:
        reservations.reserve_send(
            row, provider.name, [*client, *spent], below=refused, cooldown=provider.sends
        )
    except errors.TwoFactorError as e:
        row.refresh_from_db()
        if row.status == Status.PENDING and row.sends:
            e.verification = row
        elif row.status == Status.PENDING:
            verifications.end(subject, row, Status.CANCELED)
        raise

    # Call
    verb = provider.resend if again else provider.start
    try:
        sent = call(lambda: verb(row, request=subject.request))
    except errors.TwoFactorError as e:
        e.during = "send"
        _record_failure(subject, row, e, spent, refused)
        events.twilio_error(subject, e)
        raise

    # Record
    try:
        retry(lambda: _record(subject, row, sent))
    except errors.NotRecorded as e:
        e.verification = row  # the message went out, and its code works
        raise
    row.refresh_from_db()
    row.secret = sent.secret

    # Tell
    if provider.sends:
        events.sent(subject, row)
    return row


def _record(subject: Subject, row: Verification, sent: Sent) -> None:
    fields: dict[str, Any] = {"last_sent_at": timezone.now(), "sid": sent.sid, "error_code": ""}
    # While a number is being registered, the age of a verification at Twilio is not shown: it may be its
    # owner's, and would say that they are signing in just now.
    if sent.started_at and row.purpose == Purpose.PROVE and subject.user is not None:
        started = moments.aware(sent.started_at)
        fields["created_at"] = moments.stored(started)
        fields["expires_at"] = moments.stored(started + conf.expiration)
    if sent.data is not None:
        fields["data"] = {**row.data, **sent.data}
    Verification.objects.filter(pk=row.pk, status=Status.PENDING).update(**fields)


def _record_failure(
    subject: Subject,
    row: Verification,
    error: errors.TwoFactorError,
    spent: Sequence[Count],
    refused: Sequence[Count],
) -> None:
    """Record a send that failed. If it certainly did not happen, its counters are moved back."""
    if not error.uncertain:
        retry(lambda: reservations.give_send_back(row, spent, refused))
    if isinstance(error, errors.MaxSendsReached):
        # Twilio's own count, which another verification of the same number may have used up.
        Verification.objects.filter(pk=row.pk).update(sends=conf.MAX_SENDS)
    Verification.objects.filter(pk=row.pk).update(error_code=error.full_code[:64])
    if error.ends_method and row.destination:
        lockout.refuse_method(subject.user, row.method, row.identity)
        events.fraud_suspected(subject, row, error)
    if isinstance(error, errors.CannotReceive) and row.device_id:
        Device.objects.filter(pk=row.device_id).update(line_type="landline")
    row.refresh_from_db()
    if isinstance(error, errors.MaxSendsReached | errors.MaxAttemptsReached):
        error.data.setdefault("retry_after", reservations.until_over(row))
    if error.uncertain or isinstance(error, errors.MaxSendsReached):
        # The code may have arrived, or an earlier one still works: let the user enter it.
        error.verification = row
