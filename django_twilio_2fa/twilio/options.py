"""Check what `VERIFICATION_OPTIONS_CB` adds to Verify's requests."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Option:
    """A parameter by twilio-python's name; whether it goes to the send, to the check, or to both."""

    name: str
    doc: str
    start: bool = True
    check: bool = False


# Source: Twilio's OpenAPI description of Verify v2 (Verifications and VerificationCheck).
OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("custom_message", "Text of the message; Twilio calls it deprecated."),
        Option("send_digits", "Digits to dial once a call is answered; `w` waits half a second."),
        Option(
            "custom_code",
            "A code of your own, 4 to 10 characters; the service has to allow it. Users who have not signed "
            "in can only type one of `TOKEN_LENGTH` digits.",
        ),
        Option("amount", "Amount of a PSD2 transaction; the check has to name the same.", check=True),
        Option("payee", "Payee of a PSD2 transaction; the check has to name the same.", check=True),
        Option("channel_configuration", "A dict: `from`, `from_name`, `template_id` of an e-mail."),
        Option("app_hash", "Hash of an Android app, for SMS Retriever; put at the end of the text message."),
        Option("template_sid", "SID of a message template (HJ…), for text messages and calls."),
        Option("template_custom_substitutions", "JSON text: values for the variables of the template."),
        Option("device_ip", "Address of the user's device, for Twilio's judgement of the risk."),
        Option("enable_sna_client_token", "Whether silent network authentication asks for a token."),
        Option("risk_check", "`enable` or `disable` Fraud Guard for this message."),
        Option("tags", "JSON text: up to ten names and values that Twilio keeps with the message."),
        Option("sna_client_token", "Token that silent network authentication has answered.", False, True),
    )
}

# What the kit sets itself, or by a setting of its own.
OURS = {
    "to": "the verification",
    "channel": "the method",
    "code": "what the user types",
    "verification_sid": "the verification",
    "custom_friendly_name": "TWILIO_2FA_SERVICE_NAME",
    "locale": "TWILIO_2FA_LOCALE_CB",
    "rate_limits": "TWILIO_2FA_RATE_LIMITS",
}


@dataclass(frozen=True)
class Told:
    """The parameters that a site adds to a send, and to a check."""

    start: dict[str, Any]
    check: dict[str, Any]


def told_by_site(*, method: str, user: Any, request: Any) -> Told:
    """Return the result of `VERIFICATION_OPTIONS_CB`. Raises `ImproperlyConfigured` for a bad one."""
    from twilio.rest.verify.v2.service.verification import VerificationList
    from twilio.rest.verify.v2.service.verification_check import VerificationCheckList

    try:
        told = conf.resolve("VERIFICATION_OPTIONS_CB", method=method, user=user, request=request) or {}
    except Exception as e:
        # Without what it adds, a message may say the wrong thing: none is sent.
        logger.exception("TWILIO_2FA_VERIFICATION_OPTIONS_CB failed")
        raise ImproperlyConfigured("TWILIO_2FA_VERIFICATION_OPTIONS_CB failed.") from e
    if not isinstance(told, dict):
        raise ImproperlyConfigured(f"TWILIO_2FA_VERIFICATION_OPTIONS_CB returned a {type(told).__name__}.")
    for name in told:
        if name not in OPTIONS:
            why = f": {OURS[name]} sets it" if name in OURS else ""
            raise ImproperlyConfigured(f"TWILIO_2FA_VERIFICATION_OPTIONS_CB returned {name!r}{why}.")
    # Both at once: no code is to go out that cannot be checked.
    return Told(
        start=only_known(VerificationList.create, {n: v for n, v in told.items() if OPTIONS[n].start}),
        check=only_known(VerificationCheckList.create, {n: v for n, v in told.items() if OPTIONS[n].check}),
    )


def only_known(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options. Raises `ImproperlyConfigured` if the installed twilio-python does not know one."""
    known = inspect.signature(function).parameters
    for name in options:
        if name not in known:
            raise ImproperlyConfigured(f"This version of twilio-python does not know {name!r}.")
    return options
