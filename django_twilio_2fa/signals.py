"""Declare the signals, and send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal

from . import audit


@dataclass(frozen=True)
class Declaration:
    """One signal: its description, and its arguments except `request` and `user`.

    `audited`: the event is also written to the audit log with its arguments, which hold no personal data.
    """

    name: str
    signal: Signal
    doc: str
    arguments: dict[str, str]
    audited: bool = False


twilio_2fa_verification_sent = Signal()
twilio_2fa_verification_success = Signal()
twilio_2fa_verification_failed = Signal()
twilio_2fa_verification_status_changed = Signal()
twilio_2fa_set_user_data = Signal()
twilio_2fa_twilio_error = Signal()
twilio_2fa_user_locked = Signal()
twilio_2fa_user_unlocked = Signal()
twilio_2fa_device_added = Signal()
twilio_2fa_device_changed = Signal()
twilio_2fa_device_removed = Signal()
twilio_2fa_browser_trusted = Signal()
twilio_2fa_browser_ended = Signal()
twilio_2fa_verification_revoked = Signal()
twilio_2fa_fraud_suspected = Signal()
twilio_2fa_budget_reached = Signal()
twilio_2fa_approval_denied = Signal()

_SID = "Twilio's SID of the verification, or this package's id if the method does not use Twilio."
_DEVICE = {
    "kind": "phone_number, email, or a kind of the provider's own.",
    "device": "The id of the device. If your site stores the number or address: `phone_number` or `email`.",
}

SIGNALS: dict[str, Declaration] = {
    d.name: d
    for d in (
        Declaration(
            "twilio_2fa_verification_sent",
            twilio_2fa_verification_sent,
            "A code was sent, or sent again.",
            {
                "method": "Name of the method.",
                "verification_sid": _SID,
                "start_timestamp": "When the verification started (aware datetime).",
                "last_timestamp": "When this send was made (aware datetime).",
            },
        ),
        Declaration(
            "twilio_2fa_verification_success",
            twilio_2fa_verification_success,
            "A verification was approved, usually because the right code was entered. Sent once for each "
            "verification.",
            {"method": "Name of the method.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_verification_failed",
            twilio_2fa_verification_failed,
            "A wrong code was entered.",
            {"method": "Name of the method.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_verification_status_changed",
            twilio_2fa_verification_status_changed,
            "A verification has ended, for one of the reasons in `status`.",
            {"status": "`approved`, `canceled`, `expired` or `failed`.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_set_user_data",
            twilio_2fa_set_user_data,
            "A user registered or changed a phone number or an e-mail address. If your site has a "
            "`PHONE_NUMBER_CB` or `EMAIL_CB`, store the value in a receiver.",
            {
                "field": "`phone_number` or `email`.",
                "value": "`PhoneNumber` or `EmailAddress`. `str(value)` is the number in E.164, without "
                "its `extension`, or the e-mail address.",
            },
        ),
        Declaration(
            "twilio_2fa_twilio_error",
            twilio_2fa_twilio_error,
            "Twilio returned an error, or did not answer.",
            {"exc": "The exception that twilio-python or the HTTP library raised."},
        ),
        Declaration(
            "twilio_2fa_user_locked",
            twilio_2fa_user_locked,
            "A user, or one of their sessions, was locked after too many wrong codes.",
            {"until": "When the lock ends (aware datetime). None if only an unlock ends it."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_user_unlocked",
            twilio_2fa_user_unlocked,
            "An administrator or a command unlocked a user.",
            {"locks": "The number of locks that were ended."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_device_added",
            twilio_2fa_device_added,
            "A user registered a device, or `twilio_2fa_import` took it over. Not sent for devices that "
            "your own code creates.",
            {**_DEVICE, "method": "Name of the method, or `import`."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_device_changed",
            twilio_2fa_device_changed,
            "A user registered a device in place of another one, made new recovery codes, named a device or "
            "made it the default.",
            {**_DEVICE, "method": "Name of the method; `name` or `default` if nothing else was changed."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_device_removed",
            twilio_2fa_device_removed,
            "A device was removed: by its user, by an administrator, by a command, by your own code, or "
            "together with its user.",
            dict(_DEVICE),
            audited=True,
        ),
        Declaration(
            "twilio_2fa_browser_trusted",
            twilio_2fa_browser_trusted,
            "A user asked your site to remember a browser.",
            {"browser": "The id of the browser."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_browser_ended",
            twilio_2fa_browser_ended,
            "A browser was forgotten. The user needs a code in this browser again.",
            {
                "browser": "The id of the browser.",
                "reason": "user, administrator, device (one was removed), password (it was changed), "
                "expired, or copied (its cookie was used in two sessions).",
            },
            audited=True,
        ),
        Declaration(
            "twilio_2fa_verification_revoked",
            twilio_2fa_verification_revoked,
            "An administrator or a command ended a user's verification in every session.",
            {"verifications": "The number of verifications that no longer count."},
            audited=True,
        ),
        Declaration(
            "twilio_2fa_fraud_suspected",
            twilio_2fa_fraud_suspected,
            "Twilio refused to send a code, because it suspects fraud or because of the country. The "
            "user cannot use the method with this number or address for a day.",
            {
                "method": "Name of the method.",
                "verification_sid": _SID,
                "code": "Twilio's error code (a number).",
            },
        ),
        Declaration(
            "twilio_2fa_approval_denied",
            twilio_2fa_approval_denied,
            "A user was asked to approve a verification in a registered browser or app, and denied it. "
            "Somebody else may have their password. `request` is None if an app answered.",
            {
                "method": "Name of the method.",
                "verification": "The public id of the verification.",
                "device": "The id of the device that denied it.",
            },
            audited=True,
        ),
        Declaration(
            "twilio_2fa_budget_reached",
            twilio_2fa_budget_reached,
            "A budget of `BUDGETS` is running out. Sent once for each level in the budget's period. `user` "
            "and `request` are None.",
            {
                "budget": "The name of the budget.",
                "level": "`warning`, `registrations` (no more codes are sent for registrations) or `spent`.",
                "unit": "`messages` or `money`.",
                "total": "The whole budget, as text.",
                "seconds": "The period of the budget.",
                "part": "The country and method, for a budget that has `each`. Empty for none.",
            },
        ),
    )
}

_AUDITED = {d.signal: d.name.removeprefix("twilio_2fa_") for d in SIGNALS.values() if d.audited}


def send(signal: Signal, *, request: Any, user: Any, **arguments: Any) -> None:
    """Write the event to the audit log if the signal is audited, and send the signal.

    Django logs exceptions of receivers (logger `django.dispatch`).
    """
    if name := _AUDITED.get(signal):
        audit.record(name, request=request, user=user, **arguments)
    signal.send_robust(sender=None, request=request, user=user, **arguments)
