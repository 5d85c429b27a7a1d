"""Declare the signals, and send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal


@dataclass(frozen=True)
class Declaration:
    """One signal: what it tells and, by name, what it sends along besides `request` and `user`."""

    name: str
    signal: Signal
    doc: str
    arguments: dict[str, str]


twilio_2fa_verification_sent = Signal()
twilio_2fa_verification_success = Signal()
twilio_2fa_verification_failed = Signal()
twilio_2fa_verification_status_changed = Signal()
twilio_2fa_set_user_data = Signal()
twilio_2fa_twilio_error = Signal()
twilio_2fa_user_locked = Signal()
twilio_2fa_fraud_suspected = Signal()

_SID = "Twilio's SID of the verification; our own id for a provider that has no Twilio behind it."
COMMON = {
    "request": "The request in which it happened, or None.",
    "user": "The user, or None.",
}

SIGNALS: dict[str, Declaration] = {
    d.name: d
    for d in (
        Declaration(
            "twilio_2fa_verification_sent",
            twilio_2fa_verification_sent,
            "A token was sent, or sent again.",
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
            "A verification was approved; sent once for each.",
            {"method": "Name of the method.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_verification_failed",
            twilio_2fa_verification_failed,
            "A wrong token was given; with no user where nobody has the name that it was given for "
            "(`ALLOW_UNAUTHENTICATED_USERS`).",
            {"method": "Name of the method.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_verification_status_changed",
            twilio_2fa_verification_status_changed,
            "A verification ended.",
            {"status": "approved, canceled, expired or failed.", "verification_sid": _SID},
        ),
        Declaration(
            "twilio_2fa_set_user_data",
            twilio_2fa_set_user_data,
            "A number or address was proven and is the user's from now on. A site that keeps them itself "
            "(`PHONE_NUMBER_CB`, `EMAIL_CB`) stores it here.",
            {
                "field": "phone_number or email.",
                "value": "`PhoneNumber` or `EmailAddress`; `str()` gives it plain, a number without its "
                "`extension`.",
            },
        ),
        Declaration(
            "twilio_2fa_twilio_error",
            twilio_2fa_twilio_error,
            "Twilio answered with an error, or did not answer.",
            {"exc": "The exception."},
        ),
        Declaration(
            "twilio_2fa_user_locked",
            twilio_2fa_user_locked,
            "A user, or one session of theirs, was locked after too many wrong tokens.",
            {"until": "When it ends (aware datetime), or None: until somebody unlocks them."},
        ),
        Declaration(
            "twilio_2fa_fraud_suspected",
            twilio_2fa_fraud_suspected,
            "Twilio refused a send as fraud or by country; the method is not offered there for a day.",
            {"method": "Name of the method.", "verification_sid": _SID, "code": "Twilio's code (a number)."},
        ),
    )
}


def send(signal: Signal, *, request: Any, user: Any, **arguments: Any) -> None:
    """Tell the receivers; one that raises is logged (by Django, as `django.dispatch`) and stops nothing."""
    signal.send_robust(sender=None, request=request, user=user, **arguments)
