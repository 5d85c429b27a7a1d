"""Check the parameters that `VERIFICATION_OPTIONS_CB` adds to requests of Verify."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parameter:
    """A parameter by twilio-python's name. `start` and `check`: True if it is for sends and for checks."""

    name: str
    doc: str
    start: bool = True
    check: bool = False


# Source: Twilio's OpenAPI description of Verify v2 (Verifications and VerificationCheck).
PARAMETERS: dict[str, Parameter] = {
    option.name: option
    for option in (
        Parameter("custom_message", "Text of the message. Deprecated by Twilio."),
        Parameter("send_digits", "Digits to dial when a call is answered. `w` waits half a second."),
        Parameter(
            "custom_code",
            "A code of your own with 4 to 10 characters. The Verify service has to allow custom codes. For "
            "users who have not signed in, it must have `TOKEN_LENGTH` digits.",
        ),
        Parameter("amount", "Amount of a PSD2 transaction. The same in send and check.", check=True),
        Parameter("payee", "Payee of a PSD2 transaction. The same in send and check.", check=True),
        Parameter(
            "channel_configuration", "For an e-mail: a dict with `from`, `from_name` and `template_id`."
        ),
        Parameter(
            "app_hash", "Hash of an Android app, for SMS Retriever. It is added to the end of the message."
        ),
        Parameter("template_sid", "SID of a message template (HJ…), for text messages and calls."),
        Parameter("template_custom_substitutions", "Values for the variables of the template, as JSON."),
        Parameter("device_ip", "IP address of the user's device, for Twilio's assessment of the risk."),
        Parameter("enable_sna_client_token", "Whether silent network authentication asks for a token."),
        Parameter("risk_check", "`enable` or `disable` Fraud Guard for this message."),
        Parameter("tags", "Up to ten names and values that Twilio stores with the message, as JSON."),
        Parameter("sna_client_token", "Token that silent network authentication returned.", False, True),
    )
}

# The parameters that this package sets, with their sources.
RESERVED = {
    "to": "the verification",
    "channel": "the method",
    "code": "what the user types",
    "verification_sid": "the verification",
    "custom_friendly_name": "TWILIO_2FA_SERVICE_NAME",
    "locale": "TWILIO_2FA_LOCALE_CB",
    "rate_limits": "TWILIO_2FA_RATE_LIMITS",
}


@dataclass(frozen=True)
class SiteParameters:
    """The parameters that a site adds to a send, and to a check."""

    start: dict[str, Any]
    check: dict[str, Any]


def site_parameters(*, method: str, user: Any, request: Any) -> SiteParameters:
    """Return the result of `VERIFICATION_OPTIONS_CB`. Raises `ImproperlyConfigured` for a bad one."""
    from twilio.rest.verify.v2.service.verification import VerificationList
    from twilio.rest.verify.v2.service.verification_check import VerificationCheckList

    try:
        told = conf.resolve("VERIFICATION_OPTIONS_CB", method=method, user=user, request=request) or {}
    except Exception as e:
        # No message is sent, because without the site's parameters it might have the wrong text.
        logger.exception("TWILIO_2FA_VERIFICATION_OPTIONS_CB failed")
        raise ImproperlyConfigured("TWILIO_2FA_VERIFICATION_OPTIONS_CB failed.") from e
    if not isinstance(told, dict):
        raise ImproperlyConfigured(f"TWILIO_2FA_VERIFICATION_OPTIONS_CB returned a {type(told).__name__}.")
    for name in told:
        if name not in PARAMETERS:
            why = f": {RESERVED[name]} sets it" if name in RESERVED else ""
            raise ImproperlyConfigured(f"TWILIO_2FA_VERIFICATION_OPTIONS_CB returned {name!r}{why}.")
    # Both are checked before the send, so that no code is sent that cannot be checked.
    return SiteParameters(
        start=only_known(VerificationList.create, {n: v for n, v in told.items() if PARAMETERS[n].start}),
        check=only_known(
            VerificationCheckList.create, {n: v for n, v in told.items() if PARAMETERS[n].check}
        ),
    )


def only_known(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options. Raises `ImproperlyConfigured` if the installed twilio-python lacks one of them."""
    for name in options:
        if name not in _parameters_of(function):
            raise ImproperlyConfigured(f"This version of twilio-python does not know {name!r}.")
    return options


@cache
def _parameters_of(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
