"""Send the signals of the process."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction

from .. import errors, moments, signals
from ..managers import users
from ..models.browsers import TrustedBrowser
from ..models.counters import Lock
from ..models.devices import Device
from ..models.verifications import Verification
from ..notices import tell_owner
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
    moment = None if until == Lock.FOR_EVER else moments.from_unix(until)
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
    """Send the signal of an error if Twilio's client raised it."""
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


def unlocked(user: Any, request: Any, locks: int) -> None:
    """Send the signal of a user who was unlocked."""
    signals.send(signals.twilio_2fa_user_unlocked, request=request, user=user, locks=locks)


def revoked(user: Any, request: Any, verifications: int) -> None:
    """Send the signal of a user whose verification was ended in every session."""
    about = {"request": request, "user": user, "verifications": verifications}
    signals.send(signals.twilio_2fa_verification_revoked, **about)


# Devices


def device_registered(subject: Subject, row: Verification, *, changed: bool) -> None:
    """Send the signal of a device that was added, or that replaced another one."""
    signal = signals.twilio_2fa_device_changed if changed else signals.twilio_2fa_device_added
    device = str(row.registered.pk) if row.registered is not None else row.kind
    about = {"request": subject.request, "user": subject.user, "method": row.method}
    signals.send(signal, **about, kind=row.kind, device=device)


def device_changed(subject: Subject, kind: str, device: str, what: str) -> None:
    """Send the signal of a device that its user has named or made the default (`what`)."""
    about = {"request": subject.request, "user": subject.user, "method": what}
    signals.send(signals.twilio_2fa_device_changed, **about, kind=kind, device=device)


def device_imported(device: Device) -> None:
    """Send the signal of a device that was imported from another package."""
    about = {"kind": device.kind, "device": str(device.pk), "method": "import"}
    signals.send(signals.twilio_2fa_device_added, request=None, user=device.user, **about)


def device_deleted(instance: Device, using: str, **kwargs: Any) -> None:
    """Send the signal of a removed device. Receives `post_delete`, also for cascades."""
    if instance.is_replaced:
        return
    # Read the id and the user now: both may be gone after the commit.
    about = {"kind": instance.kind, "device": str(instance.pk)}
    user = users().filter(pk=instance.user_id).first()
    tell = partial(signals.send, signals.twilio_2fa_device_removed, request=instance.removed_in, user=user)
    transaction.on_commit(partial(tell, **about), using=using, robust=True)


# Remembered browsers


def browser_trusted(subject: Subject, browser: TrustedBrowser) -> None:
    """Send the signal of a browser that its user has asked to remember."""
    about = {"request": subject.request, "user": subject.user, "browser": str(browser.pk)}
    signals.send(signals.twilio_2fa_browser_trusted, **about)


def browser_ended(user: Any, request: Any, browser: str, reason: str) -> None:
    """Send the signal of a browser that was forgotten, after the commit."""
    tell = partial(signals.send, signals.twilio_2fa_browser_ended, request=request, user=user)
    transaction.on_commit(partial(tell, browser=browser, reason=reason), robust=True)
