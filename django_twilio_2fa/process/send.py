"""Send a token: guard, reserve, call the provider, record, notify."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from .. import errors, moments
from ..conf import conf
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification
from ..providers import MethodProvider, Sent
from . import (
    breaker,
    events,
    lockout,
    rate_limits,
    reservations,
    send_limits,
    send_reservations,
    verifications,
)
from .database import assign, retry
from .limit_rows import RateLimit
from .provider_call import call
from .subject import Subject

logger = logging.getLogger(__name__)


def send_token(subject: Subject, row: Verification, provider: MethodProvider) -> Verification:
    """Send the token of a verification. Raises `AnotherSend` if a new one cannot be stored."""
    # Guard
    verifications.require_own(subject, row)
    again = bool(row.sid or row.last_sent_at)
    if again and not provider.sends and row.purpose == Purpose.PROVE and row.status == Status.PENDING:
        send_reservations.raise_if_refused(subject, row, provider)
        return row  # there is nothing to send again

    # Reserve
    counted = subject.user, provider, row.purpose, row.contact
    spent, refused = send_limits.send_counts(*counted), send_limits.refused_counts(*counted)
    spent += _ask_breaker(subject, row, provider)
    client = rate_limits.client_limits(subject.request, subject.user) if spent else []
    try:
        send_reservations.reserve(subject, row, provider, [*client, *spent], refused)
    except errors.TwoFactorError as e:
        # Report a lock rather than another error. Locks were read only together with the counters.
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

    # Notify
    if provider.sends:
        events.sent(subject, row)
    return row


def _ask_breaker(subject: Subject, row: Verification, provider: MethodProvider) -> list[RateLimit]:
    """Return the counters of the breaker. Its refusal ends a verification that has not been sent."""
    try:
        return breaker.counters(subject, row, provider)
    except errors.TwoFactorError as e:
        send_reservations.raise_if_refused(subject, row, provider)  # report a lock first
        if row.sends:
            e.verification = row
        elif row.pk is not None:
            verifications.end(subject, row, Status.CANCELED)
        raise


def _record(subject: Subject, row: Verification, sent: Sent) -> None:
    """Record a send. `row` is refreshed."""
    fields: dict[str, Any] = {"last_sent_at": timezone.now(), "sid": sent.sid, "error_code": ""}
    # During a registration, do not show the age of Twilio's verification: it may belong to the owner of the
    # number, and would reveal that the owner is signing in now.
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
    """Record a failed send. Refund its counters if certainly nothing was sent."""
    if not error.uncertain:
        retry(send_reservations.give_send_back, row, spent, refused)
    if isinstance(error, errors.MaxSendsReached):
        # Twilio's own limit, which another verification of the same number may have used up.
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
