"""A site that was written for 0.32: callbacks, receivers and middleware."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.shortcuts import redirect

from django_twilio_2fa.client import TwoFAClient
from django_twilio_2fa.dispatch import (
    twilio_2fa_set_user_data,
    twilio_2fa_twilio_error,
    twilio_2fa_verification_failed,
    twilio_2fa_verification_sent,
    twilio_2fa_verification_status_changed,
    twilio_2fa_verification_success,
)
from django_twilio_2fa.errors import InvalidPhoneNumber
from django_twilio_2fa.options import Email, PhoneNumber

PROFILES: dict[Any, dict[str, str]] = {}
HEARD: list[tuple[str, str]] = []

__all__ = ["Email", "InvalidPhoneNumber", "PhoneNumber", "TwoFAClient"]


def phone_number(user: Any) -> Any:
    value = PROFILES.get(user.pk, {}).get("phone_number")
    return PhoneNumber(value) if value else None


def email(user: Any) -> Any:
    value = PROFILES.get(user.pk, {}).get("email")
    return Email(value) if value else None


@receiver(twilio_2fa_set_user_data)
def set_user_data(sender: Any, user: Any, field: str, value: Any, **kwargs: Any) -> None:
    PROFILES.setdefault(user.pk, {})[field] = str(value)


@receiver(twilio_2fa_verification_success)
def verified(sender: Any, request: Any, user: Any, method: str, **kwargs: Any) -> None:
    request.session["twilio_2fa_verification"] = True
    HEARD.append(("success", method))


@receiver(twilio_2fa_verification_failed)
def failed(sender: Any, method: str, **kwargs: Any) -> None:
    HEARD.append(("failed", method))


@receiver(twilio_2fa_verification_sent)
def sent(sender: Any, method: str, **kwargs: Any) -> None:
    HEARD.append(("sent", method))


@receiver(twilio_2fa_verification_status_changed)
def changed(sender: Any, status: str, verification_sid: str, **kwargs: Any) -> None:
    HEARD.append(("status", status))


@receiver(twilio_2fa_twilio_error)
def twilio_error(sender: Any, exc: Exception, **kwargs: Any) -> None:
    HEARD.append(("error", type(exc).__name__))


class TwoFactorMiddleware:
    """Middleware that redirects unverified sessions away from /secret/."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        if request.path.startswith("/secret/") and not request.session.get("twilio_2fa_verification"):
            return redirect("twilio_2fa:index")
        return self.get_response(request)


def message(code: str) -> Any:
    return {"verified": "You are in."}.get(code)


def method_display(method: str) -> Any:
    return {"label": "SMS", "icon": "icon-sms"} if method == "sms" else None
