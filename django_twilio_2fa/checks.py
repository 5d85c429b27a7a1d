"""What `manage.py check` says of the settings and the installation. Nothing is raised at import."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string

from .conf import OLD_NAMES, PREFIX, SETTINGS, Setting, as_callable, conf
from .counters import DEFAULTS, RUN, rates
from .errors import UnauthenticatedUserFieldMissing
from .providers import get_registry, why_unregistrable
from .unauthenticated import name_field

COUNTRY_LISTS = ("PHONE_NUMBER_ALLOWED_COUNTRIES", "PHONE_NUMBER_DISALLOWED_COUNTRIES")
API_KINDS = ("permission", "authentication", "throttle")
LINE_TYPES = ("mobile", "landline", "voip")


@register("twilio_2fa")
def check_all(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found = [*_names(), *_types()]
    # The rest reads values, which has to be left alone where they are not what they should be.
    if found:
        return found
    checks = (
        _old_names,
        _credentials,
        _limits,
        _clients,
        _sandbox,
        _methods,
        _apps,
        _countries,
        _users,
        _addresses,
        _api_classes,
    )
    return [message for check in checks for message in check()]


def _names() -> Iterator[CheckMessage]:
    known = {s.full_name for s in SETTINGS.values()} | {PREFIX + old for old in OLD_NAMES}
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else "See docs/settings.md for the names."
            yield Error(f"There is no setting {name}.", hint=hint, id="twilio_2fa.E001")


def _old_names() -> Iterator[CheckMessage]:
    for old, name in OLD_NAMES.items():
        if not hasattr(settings, PREFIX + old):
            continue
        if hasattr(settings, PREFIX + name):
            yield Warning(
                f"{PREFIX}{old} and {PREFIX}{name} are set; the latter holds.",
                hint=f"Remove {PREFIX}{old}.",
                id="twilio_2fa.W005",
            )
        else:
            yield Warning(
                f"{PREFIX}{old} is called {PREFIX}{name} now.",
                hint="The old name works until the next major version.",
                id="twilio_2fa.W004",
            )


def _accepts(setting: Setting, value: Any) -> bool:
    if value is None:
        return setting.optional
    if as_callable(value) is not None and (setting.takes or not setting.kinds):
        return True
    if isinstance(value, bool) and bool not in setting.kinds:
        return False
    return isinstance(value, setting.kinds)


def _types() -> Iterator[CheckMessage]:
    for setting in SETTINGS.values():
        value = conf.raw(setting.name)
        if _accepts(setting, value):
            continue
        wanted = ", ".join(k.__name__ for k in setting.kinds)
        if setting.takes:
            wanted = f"{wanted}, or a callable" if wanted else "a callable, or the dotted path to one"
        shown = "a value" if setting.secret else repr(value)
        yield Error(
            f"{setting.full_name} is {shown} of type {type(value).__name__}.",
            hint=f"It takes: {wanted}{', or None' if setting.optional else ''}.",
            id="twilio_2fa.E002",
        )
    yield from _values()


def _values() -> Iterator[CheckMessage]:
    for name, low, high in (("TOKEN_LENGTH", 4, 10), ("MAX_SENDS", 1, 5), ("MAX_ATTEMPTS", 1, 5)):
        value = conf.raw(name)
        if isinstance(value, int) and not low <= value <= high:
            hint = f"Twilio Verify takes {low} to {high}."
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
            "Seconds, 0 or more. A list of seconds is not empty.",
        ),
        (
            "TIMEOUT",
            timeout,
            timeouts
            and min(timeouts) > 0
            and not (isinstance(timeout, (list, tuple)) and len(timeouts) != 2),
            "Seconds, more than 0. A pair of seconds is for connecting and for reading.",
        ),
        (
            "VERIFICATION_EXPIRATION",
            lifetime,
            not isinstance(lifetime, (int, float, timedelta)) or conf.expiration > timedelta(),
            "Minutes, more than 0, or a timedelta.",
        ),
    ):
        if not good:
            yield Error(f"{PREFIX}{name} is {value!r}.", hint=hint, id="twilio_2fa.E003")


def _seconds(value: Any) -> list[float]:
    """The numbers of a setting that takes one or several; empty where one of them is none."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    values = [v.total_seconds() if isinstance(v, timedelta) else v for v in values]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return numbers if len(numbers) == len(values) else []


def _limits() -> Iterator[CheckMessage]:
    for name, value in conf.LIMITS.items():
        if name not in DEFAULTS:
            close = get_close_matches(str(name), DEFAULTS, n=1) or list(DEFAULTS)
            yield Error(
                f"TWILIO_2FA_LIMITS has the unknown limit {name!r}.",
                hint=f"Limits are named like {close[0]}.",
                id="twilio_2fa.E012",
            )
        elif value is not None and not (isinstance(value, int) if name == RUN else rates(name)):
            hint = "A whole number, or None." if name == RUN else "Rates like '10/h, 20/d', or None."
            yield Error(f"TWILIO_2FA_LIMITS[{name!r}] is {value!r}.", hint=hint, id="twilio_2fa.E012")


def _clients() -> Iterator[CheckMessage]:
    if not conf.SANDBOX and not conf.CLIENT_ADDRESS_CB and rates("requests_per_client"):
        yield Info(
            "TWILIO_2FA_CLIENT_ADDRESS_CB is not set: nothing is limited by client address.",
            hint="Set it to a callable that returns the client's address. Behind a proxy that is not "
            "REMOTE_ADDR, which is everybody's, but what the proxy says, as in its X-Forwarded-For.",
            id="twilio_2fa.I001",
        )


def _credentials() -> Iterator[CheckMessage]:
    if conf.SANDBOX:
        return
    if not conf.ACCOUNT_SID or not (conf.AUTH_TOKEN or (conf.API_KEY_SID and conf.API_KEY_SECRET)):
        yield Error(
            "There are no Twilio credentials, and the sandbox is off.",
            hint="Set TWILIO_2FA_ACCOUNT_SID and TWILIO_2FA_AUTH_TOKEN (or TWILIO_2FA_API_KEY_SID and "
            "TWILIO_2FA_API_KEY_SECRET), or TWILIO_2FA_SANDBOX = True to work without an account.",
            id="twilio_2fa.E004",
        )
    if not conf.SERVICE_ID:
        yield Error(
            "There is no Verify service, and the sandbox is off.",
            hint="Set TWILIO_2FA_SERVICE_ID to the SID of a Verify service (VA…).",
            id="twilio_2fa.E005",
        )


def _sandbox() -> Iterator[CheckMessage]:
    if not conf.SANDBOX:
        return
    if not settings.DEBUG and not conf.SANDBOX_WITHOUT_DEBUG:
        yield Error(
            "TWILIO_2FA_SANDBOX is on although DEBUG is off: anybody could read the codes.",
            hint="Turn it off; or set TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = True if it is meant, as in tests.",
            id="twilio_2fa.E006",
        )
    if not apps.is_installed("django_twilio_2fa.sandbox"):
        yield Error(
            "TWILIO_2FA_SANDBOX is on, but its app is not installed.",
            hint="Add 'django_twilio_2fa.sandbox' to INSTALLED_APPS and migrate.",
            id="twilio_2fa.E007",
        )


def _methods() -> Iterator[CheckMessage]:
    registry = get_registry()
    for broken in registry.broken:
        yield Warning(
            f"The method {broken.name} of {broken.source} cannot be used: {broken.reason}",
            hint="Mend or uninstall it, or remove it with TWILIO_2FA_PROVIDERS.",
            id="twilio_2fa.W001",
        )
    for name, provider in registry.providers.items():
        if why := why_unregistrable(provider):
            yield Warning(
                f"Nobody can register anything for the method {name}: {why}.",
                hint="Give it a form (get_registration_form_class), or a device_kind that has one: "
                "phone_number, email; None for a method that needs no device.",
                id="twilio_2fa.W006",
            )
    allowed = conf.ALLOWED_METHODS
    if isinstance(allowed, (list, tuple, set, frozenset)):
        for name in allowed:
            if name not in registry.providers:
                close = get_close_matches(str(name), registry.providers, n=1)
                installed = ", ".join(sorted(registry.providers)) or "none"
                hint = f"Did you mean {close[0]}?" if close else f"Installed: {installed}."
                yield Error(
                    f"TWILIO_2FA_ALLOWED_METHODS has {name!r}, which no provider offers.",
                    hint=hint,
                    id="twilio_2fa.E008",
                )
    if not registry.providers:
        yield Error("No method is installed.", hint="Reinstall django-twilio-2fa.", id="twilio_2fa.E009")


def _apps() -> Iterator[CheckMessage]:
    registry = get_registry()
    for app in ("widget_tweaks", "formtools"):
        if not apps.is_installed(app):
            yield Warning(
                f"{app} is not in INSTALLED_APPS; the kit's own templates need it.",
                hint=f"Add {app!r} to INSTALLED_APPS, unless all templates are your own.",
                id="twilio_2fa.W002",
            )
    for name in registry.providers:
        app = registry.apps[name]
        if not any(
            config.name == app or app.startswith(config.name + ".") for config in apps.get_app_configs()
        ):
            yield Warning(
                f"{app}, the app of {name}, is not in INSTALLED_APPS: its templates are not found.",
                hint="Add *django_twilio_2fa.provider_apps(), or the app by name.",
                id="twilio_2fa.W003",
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
        hint = "Use an ISO 3166-1 code of two letters, such as 'US'."
        yield Error(
            f"{PREFIX}PHONE_NUMBER_DEFAULT_REGION is the unknown country {region!r}.",
            hint=hint,
            id="twilio_2fa.E010",
        )
    types = conf.PHONE_NUMBER_ALLOWED_CARRIER_TYPES
    for name in types if isinstance(types, (list, tuple, set, frozenset)) else ():
        if name not in LINE_TYPES:
            hint = f"Line types are {', '.join(LINE_TYPES)}."
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
            hint=f"{PREFIX}UNAUTHENTICATED_USER_FIELD is 'pk', or a field of {settings.AUTH_USER_MODEL}.",
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
                hint = "It takes classes, or dotted paths to them: one, or a list."
                yield Error(
                    f"{PREFIX}API_CLASSES[{kind!r}] has {cls!r}, which is no class.",
                    hint=hint,
                    id="twilio_2fa.E015",
                )


def _addresses() -> Iterator[CheckMessage]:
    for name in ("VERIFY_SUCCESS_URL", "REGISTER_OPTIONAL_URL", "DISALLOWED_REDIRECT_URL", "LOGOUT_URL"):
        value = conf.raw(name)
        if not isinstance(value, str) or not value or as_callable(value) is not None:
            continue
        try:
            resolve_url(value)
        except NoReverseMatch:
            hint = "It takes a path, the name of a URL, or a callable that returns one of them."
            yield Error(f"{PREFIX}{name} is {value!r}, which leads nowhere.", hint=hint, id="twilio_2fa.E014")
