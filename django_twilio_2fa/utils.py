"""Deprecated: the helpers of 0.32. docs/upgrading.md names the replacement of each."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError

from . import errors
from .conf import OLD_NAMES, PREFIX, SETTINGS, as_callable, call, conf
from .contacts import PhoneNumber, countries
from .process import phone_rules
from .twilio.client import get_client

if TYPE_CHECKING:
    import phonenumbers
    from twilio.rest import Client

warnings.warn(
    "django_twilio_2fa.utils is deprecated, see docs/upgrading.md for what replaces its names.",
    DeprecationWarning,
    stacklevel=2,
)

SETTING_PREFIX = PREFIX.rstrip("_")
URL_PREFIX = "twilio_2fa"
DATEFMT = "%Y%m%d%H%M%S"

# Entries of the session were named f"{SESSION_PREFIX}_{SESSION_METHOD}". They are no longer written.
SESSION_PREFIX = "twilio_2fa"
SESSION_SID = "sid"
SESSION_TIMESTAMP = "timestamp"
SESSION_METHOD = "method"
SESSION_CAN_RETRY = "can_retry"
SESSION_NEXT_URL = "next_url"
SESSION_TIMEOUT = "timeout"
SESSION_ATTEMPTS = "attempts"
SESSION_SEND_TO = "sendto"
SESSION_OBFUSCATED_VALUE = "obfuscated_value"


def get_setting(name: str, default: Any = None, callback_kwargs: dict[str, Any] | None = None) -> Any:
    """Return a setting of the site. A callable is called with `callback_kwargs`."""
    name = name.upper().removeprefix(PREFIX)
    name = OLD_NAMES.get(name, name)
    setting = SETTINGS.get(name)
    for spelled in (name, *(setting.old_names if setting else ())):
        if hasattr(settings, PREFIX + spelled):
            value = getattr(settings, PREFIX + spelled)
            if setting and not setting.arguments:
                return value
            function = as_callable(value)
            return value if function is None else call(function, **(callback_kwargs or {}))
    return default


def get_twilio_client(**kwargs: Any) -> Client:
    """Return this process's Twilio client, or a new one for the given `account_sid` and `auth_token`."""
    if not kwargs:
        return get_client()
    from twilio.rest import Client

    from .twilio.client import make_http_client

    # This package's own HTTP client has timeouts, and uses the sandbox if that is enabled.
    kwargs.setdefault("http_client", make_http_client())
    account = kwargs.pop("account_sid", None) or conf.ACCOUNT_SID
    return Client(account, kwargs.pop("auth_token", None) or conf.AUTH_TOKEN, **kwargs)


def parse_phone_number(phone_number: str, country_code: str | None = None) -> phonenumbers.PhoneNumber:
    """Parse a number with the phonenumbers library. Raises ValidationError if that fails."""
    import phonenumbers

    try:
        return phonenumbers.parse(phone_number, country_code or conf.resolve("PHONE_NUMBER_DEFAULT_REGION"))
    except phonenumbers.NumberParseException as e:
        raise ValidationError(str(e)) from e


def verify_phone_number(phone_number: str, country_code: str, do_lookup: bool = False) -> dict[str, Any]:
    """Raise ValidationError unless the settings accept the number.

    With `do_lookup`, the number's line type is looked up if the settings require that. The result then has
    `phone_number` and `carrier_type`.
    """
    try:
        number = PhoneNumber(phone_number, country_code)
        phone_rules.refuse_country(number, user=None)
        if not do_lookup or not phone_rules.wants_lookup(number, user=None):
            return {}
        line_type = phone_rules.look_up(number)
        phone_rules.refuse_line_type(line_type, user=None)
    except errors.TwoFactorError as e:
        raise ValidationError(e.display) from e
    return {"phone_number": str(number), "carrier_type": line_type}


def country_code_choices() -> list[tuple[str, str]]:
    """Return the countries whose numbers are accepted: code and name, for a choice field."""
    allowed, refused = (conf.resolve(f"PHONE_NUMBER_{name}_COUNTRIES") for name in ("ALLOWED", "DISALLOWED"))
    return [(code, name) for code, name, _calling_code in countries(allowed, refused)]


__all__ = [
    "DATEFMT",
    "SESSION_ATTEMPTS",
    "SESSION_CAN_RETRY",
    "SESSION_METHOD",
    "SESSION_NEXT_URL",
    "SESSION_OBFUSCATED_VALUE",
    "SESSION_PREFIX",
    "SESSION_SEND_TO",
    "SESSION_SID",
    "SESSION_TIMEOUT",
    "SESSION_TIMESTAMP",
    "SETTING_PREFIX",
    "URL_PREFIX",
    "country_code_choices",
    "get_setting",
    "get_twilio_client",
    "parse_phone_number",
    "verify_phone_number",
]
