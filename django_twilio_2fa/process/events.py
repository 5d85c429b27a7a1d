"""Send the signals of the process."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone as zones
from typing import Any

from .. import errors, moments, signals
from ..models import Verification
from ..notices import tell_owner
from .lockout import FOR_EVER
from .subject import Subject


def _about(subject: Subject, row: Verification) -> dict[str, Any]:
    return {"request": subject.request, "user": subject.user, "verification_sid": row.verification_sid}


def sent(subject: Subject, row: Verification) -> None:
    """Send the signal of a code that was sent."""
    signals.send(
        signals.twilio_2fa_verification_sent,
        **_about(subject, row),
        method=row.method,
        start_timestamp=moments.aware(row.created_at),
        last_timestamp=row.last_sent_at and moments.aware(row.last_sent_at),
    )


def failed(subject: Subject, row: Verification) -> None:
    """Send the signal of a wrong token."""
    signals.send(signals.twilio_2fa_verification_failed, **_about(subject, row), method=row.method)


def approved(subject: Subject, row: Verification) -> None:
    """Send the signal of an approval."""
    signals.send(signals.twilio_2fa_verification_success, **_about(subject, row), method=row.method)


def status_changed(subject: Subject, row: Verification) -> None:
    """Send the signal of a verification that has ended."""
    signals.send(signals.twilio_2fa_verification_status_changed, **_about(subject, row), status=row.status)


def locked(subject: Subject, until: int) -> None:
    """Send the signal of a lock that ends at a Unix time, and mail the owner of the account."""
    moment = None if until == FOR_EVER else datetime.fromtimestamp(until, zones.utc)
    signals.send(signals.twilio_2fa_user_locked, request=subject.request, user=subject.user, until=moment)
    tell_owner(subject.user, "twilio_2fa/email/locked", until=moment and moments.stored(moment))


def fraud_suspected(subject: Subject, row: Verification, error: errors.TwoFactorError) -> None:
    """Send the signal of a send that Twilio refused as fraud."""
    signals.send(
        signals.twilio_2fa_fraud_suspected,
        **_about(subject, row),
        method=row.method,
        code=error.data.get("twilio_error"),
    )


def twilio_error(subject: Subject, error: errors.TwoFactorError) -> None:
    """Send the signal of an error that Twilio's client raised, if it was one."""
    if error.cause is not None:
        signals.send(
            signals.twilio_2fa_twilio_error,
            request=subject.request,
            user=subject.user,
            exc=error.cause,
        )


def user_data(subject: Subject, field: str, value: Any) -> None:
    """Send the signal that gives the site a new number or address."""
    signals.send(
        signals.twilio_2fa_set_user_data,
        request=subject.request,
        user=subject.user,
        field=field,
        value=value,
    )
