"""Check the settings: names, types and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from ..conf import DOTTED_PATH, OLD_NAMES, PREFIX, RETIRED_NAMES, SETTINGS, Setting, as_callable, conf
from ..errors import ERRORS, UnauthenticatedUserFieldMissing
from ..process.grace import ACTIONS
from ..process.names import name_field
from ..providers.installed import get_registry

COUNTRY_LISTS = ("PHONE_NUMBER_ALLOWED_COUNTRIES", "PHONE_NUMBER_DISALLOWED_COUNTRIES")
API_KINDS = ("permission", "authentication", "throttle")
SIDS = {"ACCOUNT_SID": "AC", "API_KEY_SID": "SK", "SERVICE_ID": "VA", "REGISTRATION_SERVICE_ID": "VA"}
USER_VERIFICATION = ("required", "preferred", "discouraged")
# Android apps have origins of their own kind.
ORIGIN = re.compile(r"https?://[^\s/?#@]+|android:apk-key-hash:[\w-]+")
LINE_TYPES = ("mobile", "landline", "voip")


def _names() -> Iterator[CheckMessage]:
    known = {s.full_name for s in SETTINGS.values()} | {PREFIX + n for n in (*OLD_NAMES, *RETIRED_NAMES)}
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else "See docs/settings.md for the names."
            yield Error(f"There is no setting {name}.", hint=hint, id="twilio_2fa.E001")


def _retired_names() -> Iterator[CheckMessage]:
    for name, instead in RETIRED_NAMES.items():
        if hasattr(settings, PREFIX + name):
            yield Warning(f"{PREFIX}{name} is no longer used.", hint=instead, id="twilio_2fa.W007")


def _old_names() -> Iterator[CheckMessage]:
    for old, name in OLD_NAMES.items():
        if not hasattr(settings, PREFIX + old):
            continue
        if hasattr(settings, PREFIX + name):
            yield Warning(
                f"Both {PREFIX}{old} and {PREFIX}{name} are set. {PREFIX}{name} is used.",
                hint=f"Remove {PREFIX}{old}.",
                id="twilio_2fa.W005",
            )
        else:
            yield Warning(
                f"{PREFIX}{old} has been renamed to {PREFIX}{name}.",
                hint="The old name works until the next major version.",
                id="twilio_2fa.W004",
            )


def _accepts(setting: Setting, value: Any) -> bool:
    if value is None:
        return setting.optional
    if as_callable(value) is not None and (setting.arguments or not setting.kinds):
        return True
    if isinstance(value, bool) and bool not in setting.kinds:
        return False
    return isinstance(value, setting.kinds)


def _import_error(path: str) -> str:
    """Return the reason why a dotted path cannot be imported. Empty if there is none, or for other text."""
    try:
        if DOTTED_PATH.match(path):
            import_string(path)
    except ImportError as e:
        return str(e).rstrip(".")
    return ""


def _hint(value: Any, hint: str) -> str:
    """Return the hint. For a dotted path that cannot be imported, begin with the reason."""
    why = _import_error(value) if isinstance(value, str) else ""
    return f"{why}. {hint}" if why else hint


def _types() -> Iterator[CheckMessage]:
    for setting in SETTINGS.values():
        value = conf.raw(setting.name)
        if _accepts(setting, value):
            continue
        if setting.arguments and isinstance(value, str) and (why := _import_error(value)):
            yield Error(
                f"{setting.full_name} is {value!r}, which cannot be imported: {why}.",
                hint="Set the dotted path of a callable, such as 'myproject.callbacks.phone_number'.",
                id="twilio_2fa.E002",
            )
            continue
        wanted = ", ".join(k.__name__ for k in setting.kinds)
        if setting.arguments:
            wanted = f"{wanted}, or a callable" if wanted else "a callable, or the dotted path of one"
        shown = "a value" if setting.secret else repr(value)
        yield Error(
            f"{setting.full_name} is {shown} of type {type(value).__name__}.",
            hint=f"Use {wanted}{', or None' if setting.optional else ''}.",
            id="twilio_2fa.E002",
        )


def _values() -> Iterator[CheckMessage]:
    for name, low, high in (("TOKEN_LENGTH", 4, 10), ("MAX_SENDS", 1, 5), ("MAX_ATTEMPTS", 1, 5)):
        value = conf.raw(name)
        if isinstance(value, int) and not low <= value <= high:
            hint = f"Use {low} to {high}, as Twilio Verify requires."
            yield Error(f"{PREFIX}{name} is {value}.", hint=hint, id="twilio_2fa.E003")
    cooldown, timeout, lifetime = (
        conf.raw(n) for n in ("SEND_COOLDOWN", "TIMEOUT", "VERIFICATION_EXPIRATION")
    )
    cooldowns, timeouts = _seconds(cooldown), _seconds(timeout)
    for name, value, good, hint in (
        (
            "SEND_COOLDOWN",
            cooldown,
            cooldowns and min(cooldowns) >= 0,
            "Use seconds, 0 or more, or a non-empty list of them.",
        ),
        (
            "TIMEOUT",
            timeout,
            timeouts
            and min(timeouts) > 0
            and not (isinstance(timeout, (list, tuple)) and len(timeouts) != 2),
            "Use seconds, more than 0, or a pair of them: to connect, and for the whole response.",
        ),
        (
            "VERIFICATION_EXPIRATION",
            lifetime,
            not isinstance(lifetime, (int, float, timedelta)) or conf.expiration > timedelta(),
            "Use minutes, more than 0, or a timedelta.",
        ),
    ):
        if not good:
            yield Error(f"{PREFIX}{name} is {value!r}.", hint=hint, id="twilio_2fa.E003")
    action = conf.raw("GRACE_ACTION")
    if as_callable(action) is None and action not in ACTIONS:
        hint = _hint(action, f"Use one of {', '.join(ACTIONS)}, or a callable.")
        yield Error(f"{PREFIX}GRACE_ACTION is {action!r}.", hint=hint, id="twilio_2fa.E003")
    if not conf.SANDBOX:
        for name, start in SIDS.items():
            value = conf.raw(name)
            if not value or not isinstance(value, str) or value.startswith(start):
                continue
            if not SETTINGS[name].arguments or as_callable(value) is None:
                hint = _hint(value, f"Use the SID in Twilio's console, which begins with {start}.")
                yield Error(f"{PREFIX}{name} is {value!r}.", hint=hint, id="twilio_2fa.E003")
    wanted = conf.raw("PASSKEY_USER_VERIFICATION")
    if wanted not in USER_VERIFICATION:
        hint = f"Use one of {', '.join(USER_VERIFICATION)}."
        yield Error(f"{PREFIX}PASSKEY_USER_VERIFICATION is {wanted!r}.", hint=hint, id="twilio_2fa.E003")
    origins = conf.raw("PASSKEY_ORIGINS")
    for origin in origins if isinstance(origins, (list, tuple, set, frozenset)) else ():
        if not isinstance(origin, str) or not ORIGIN.fullmatch(origin):
            hint = "Use a scheme, a host and optionally a port, such as 'https://www.example.com'."
            yield Error(f"{PREFIX}PASSKEY_ORIGINS has {origin!r}.", hint=hint, id="twilio_2fa.E003")
    sheets = conf.raw("STYLESHEETS")
    for sheet in sheets if isinstance(sheets, (list, tuple)) else ():
        if not isinstance(sheet, str) and not (isinstance(sheet, dict) and "href" in sheet):
            hint = "Use a static path, a URL, or a dict with 'href' and 'integrity'."
            yield Error(f"{PREFIX}STYLESHEETS has {sheet!r}.", hint=hint, id="twilio_2fa.E003")
    for name, shown in conf.METHOD_DETAILS.items():
        if not isinstance(shown, dict):
            hint = "Use a dict with 'label' and 'icon' for each method."
            yield Error(f"{PREFIX}METHOD_DETAILS[{name!r}] is {shown!r}.", hint=hint, id="twilio_2fa.E003")


def _seconds(value: Any) -> list[float]:
    """Return the numbers of a setting that accepts one or several. Empty if a value is not a number."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    values = [v.total_seconds() if isinstance(v, timedelta) else v for v in values]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return numbers if len(numbers) == len(values) else []


def _words() -> Iterator[CheckMessage]:
    for name, known in (
        ("METHOD_DETAILS", set(get_registry().providers) | set(conf.PROVIDERS)),
        ("ERROR_DISPLAY", {*ERRORS, conf.DEFAULT_ERROR_CODE}),
    ):
        # A code such as twilio_error_{twilio_error} stands for all codes with the same beginning.
        starts = tuple(code.partition("{")[0] for code in known if "{" in code)
        for key in conf.raw(name):
            if key not in known and not (starts and str(key).startswith(starts)):
                close = get_close_matches(str(key), known, n=1)
                yield Warning(
                    f"{PREFIX}{name} has {key!r}, which does not exist.",
                    hint=f"Did you mean {close[0]}?" if close else "Remove it.",
                    id="twilio_2fa.W014",
                )


def _countries() -> Iterator[CheckMessage]:
    import phonenumbers

    for name in COUNTRY_LISTS:
        value = conf.raw(name)
        for country in value if isinstance(value, (list, tuple, set, frozenset)) else ():
            if str(country).upper() not in phonenumbers.SUPPORTED_REGIONS:
                hint = "Use ISO 3166-1 codes of two letters, such as 'US'."
                yield Error(
                    f"{PREFIX}{name} has the unknown country {country!r}.", hint=hint, id="twilio_2fa.E010"
                )
    region = conf.PHONE_NUMBER_DEFAULT_REGION
    if (
        isinstance(region, str)
        and as_callable(region) is None
        and region.upper() not in phonenumbers.SUPPORTED_REGIONS
    ):
        hint = _hint(region, "Use an ISO 3166-1 code of two letters, such as 'US'.")
        yield Error(
            f"{PREFIX}PHONE_NUMBER_DEFAULT_REGION is the unknown country {region!r}.",
            hint=hint,
            id="twilio_2fa.E010",
        )
    types = conf.PHONE_NUMBER_ALLOWED_CARRIER_TYPES
    for name in types if isinstance(types, (list, tuple, set, frozenset)) else ():
        if name not in LINE_TYPES:
            hint = f"Use only these line types: {', '.join(LINE_TYPES)}."
            yield Error(
                f"{PREFIX}PHONE_NUMBER_ALLOWED_CARRIER_TYPES has {name!r}.", hint=hint, id="twilio_2fa.E011"
            )


def _users() -> Iterator[CheckMessage]:
    if not conf.ALLOW_UNAUTHENTICATED_USERS:
        return
    try:
        name_field()
    except UnauthenticatedUserFieldMissing:
        yield Error(
            f"The user model has no field {conf.UNAUTHENTICATED_USER_FIELD!r}.",
            hint=f"Set {PREFIX}UNAUTHENTICATED_USER_FIELD to 'pk' or a field of {settings.AUTH_USER_MODEL}.",
            id="twilio_2fa.E013",
        )


def _api_classes() -> Iterator[CheckMessage]:
    for kind, told in conf.API_CLASSES.items():
        if kind not in API_KINDS:
            close = get_close_matches(str(kind), API_KINDS, n=1) or API_KINDS
            yield Error(
                f"{PREFIX}API_CLASSES has the unknown key {kind!r}.",
                hint=f"Did you mean {close[0]}?",
                id="twilio_2fa.E015",
            )
            continue
        for cls in told if isinstance(told, (list, tuple)) else [told]:
            try:
                usable = callable(import_string(cls) if isinstance(cls, str) else cls)
            except ImportError:
                usable = False
            if not usable:
                hint = _hint(cls, "Use a class or its dotted path, or a list of classes and dotted paths.")
                yield Error(
                    f"{PREFIX}API_CLASSES[{kind!r}] has {cls!r}, which is not a class.",
                    hint=hint,
                    id="twilio_2fa.E015",
                )


SPELLING = (_names, _retired_names, _types)
CHECKS = (_values, _old_names, _countries, _users, _api_classes, _words)
