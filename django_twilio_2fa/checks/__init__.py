"""What `manage.py check` says of the settings and the installation. Nothing is raised at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string

from .conf import OLD_NAMES, PREFIX, RETIRED_NAMES, SETTINGS, Setting, as_callable, conf
from .errors import ERRORS, UnauthenticatedUserFieldMissing
from .installed import get_registry, why_unregistrable
from .process.names import name_field
from .process.rate_limits import DEFAULTS, RUN, rates
from .project_checks import PROJECT_CHECKS, Mounted, is_app_installed, migrations
from .reverse import mounts, reverse

COUNTRY_LISTS = ("PHONE_NUMBER_ALLOWED_COUNTRIES", "PHONE_NUMBER_DISALLOWED_COUNTRIES")
API_KINDS = ("permission", "authentication", "throttle")
SIDS = {"ACCOUNT_SID": "AC", "API_KEY_SID": "SK", "SERVICE_ID": "VA", "REGISTRATION_SERVICE_ID": "VA"}
LINE_TYPES = ("mobile", "landline", "voip")

# What is found, by the message's id; docs/installation.md shows it.
FOUND: dict[str, str] = {
    "E001": "a setting that does not exist, as when it is misspelt",
    "E002": "a setting of the wrong type, or a dotted path that cannot be imported",
    "E003": "a setting whose value is not possible",
    "E004": "no Twilio credentials, and the sandbox is off",
    "E005": "no Verify service, and the sandbox is off",
    "E006": "the sandbox is on although `DEBUG` is off",
    "E007": "the sandbox is on, and its app is not installed",
    "E008": "`ALLOWED_METHODS` names a method that is not installed",
    "E009": "no method is installed",
    "E010": "a country that does not exist",
    "E011": "a line type that does not exist",
    "E012": "a limit that does not exist, or cannot be read",
    "E013": "the user model lacks the field that `UNAUTHENTICATED_USER_FIELD` names",
    "E014": "an address that leads nowhere",
    "E015": "`API_CLASSES` names something that is no class",
    "E016": "views ask for verification, and the kit's URLs are not included",
    "E017": "`LOGIN_URL` is the name of no URL",
    "E018": "no session middleware, or no table for sessions",
    "E019": "no authentication middleware, or it stands before that of sessions",
    "E020": "the kit's templates are not found, as without `APP_DIRS`",
    "E021": "`STATIC_URL` is not set",
    "E022": "the kit is included below a path with parameters: its pages are not found from everywhere",
    "W001": "a method that cannot be loaded",
    "W002": "`widget_tweaks` or `formtools` is not installed",
    "W003": "the app of a method is not installed",
    "W004": "a setting by its name in 0.32",
    "W005": "a setting by both its names",
    "W006": "a method for which nothing can be registered",
    "W007": "a setting of an earlier release that nothing reads any more",
    "W008": "neither the kit's pages nor its API are included in the URLs",
    "W009": "Django's messages are not set up",
    "W010": "the kit's static files are not found, or not collected",
    "W011": "`ALLOWED_METHODS` names a method that cannot be used, as `totp` without its extra",
    "W012": "migrations that have not been applied (only with `check --database default`)",
    "W013": "the user model has no e-mail address, so that owners cannot be told",
    "W014": "`METHOD_DETAILS` or `ERROR_DISPLAY` names what does not exist",
    "W015": "`ALLOWED_METHODS` leaves no method to begin with",
    "W016": "the sandbox is on, and its page is not included in the URLs",
    "W017": "`LOGIN_URL` is a path where no page is",
    "W018": "a check that failed itself",
    "I001": "nothing is limited by client address",
    "I002": "a method that is not offered, as `totp` without its extra",
}


@register("twilio_2fa")
def check_all(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found = [*_guarded(_names), *_guarded(_retired_names), *_guarded(_types)]
    # What reads a value of the wrong type may fail for it, which is said already.
    are_types_right = not any(message.id == "twilio_2fa.E002" for message in found)
    mounted = Mounted()
    checks: list[Callable[[], Iterator[CheckMessage]]] = [
        _values,
        _old_names,
        _credentials,
        _limits,
        _clients,
        _sandbox,
        _methods,
        _apps,
        _countries,
        _users,
        *([_addresses, _namespaces] if mounted.readable else []),
        _api_classes,
        _words,
        *(partial(check, mounted) for check in PROJECT_CHECKS),
    ]
    for check in checks:
        found += _guarded(check, tell=are_types_right)
    return found


@register(Tags.database)
def check_database(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return _guarded(partial(migrations, databases or ()))


def _guarded(check: Callable[[], Iterator[CheckMessage]], tell: bool = True) -> list[CheckMessage]:
    """Run a check. One that fails, by whatever is wrong with the project, must not hide what others find."""
    found: list[CheckMessage] = []
    try:
        for message in check():
            found.append(message)
    except Exception as e:
        if tell:
            name = getattr(check, "func", check).__name__.strip("_")
            says = f"The check {name!r} of django-twilio-2fa failed: {type(e).__name__}: {e}"
            hint = "Mend what it says. If nothing is wrong with your project, report it."
            found.append(Warning(says, hint=hint, id="twilio_2fa.W018"))
    return found


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
            yield Warning(f"Nothing reads {PREFIX}{name} any more.", hint=instead, id="twilio_2fa.W007")


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
    if not conf.SANDBOX:
        for name, start in SIDS.items():
            value = conf.raw(name)
            if value and isinstance(value, str) and not value.startswith(start):
                hint = f"Twilio's console has it; it begins with {start}."
                yield Error(f"{PREFIX}{name} is {value!r}.", hint=hint, id="twilio_2fa.E003")
    sheets = conf.raw("STYLESHEETS")
    for sheet in sheets if isinstance(sheets, (list, tuple)) else ():
        if not isinstance(sheet, str) and not (isinstance(sheet, dict) and "href" in sheet):
            hint = "A static path, an address, or a dict with 'href' and 'integrity'."
            yield Error(f"{PREFIX}STYLESHEETS has {sheet!r}.", hint=hint, id="twilio_2fa.E003")
    for name, shown in conf.METHOD_DETAILS.items():
        if not isinstance(shown, dict):
            hint = "It takes a dict with 'label' and 'icon' for each method."
            yield Error(f"{PREFIX}METHOD_DETAILS[{name!r}] is {shown!r}.", hint=hint, id="twilio_2fa.E003")


def _words() -> Iterator[CheckMessage]:
    for name, known in (
        ("METHOD_DETAILS", set(get_registry().providers) | set(conf.PROVIDERS)),
        ("ERROR_DISPLAY", {*ERRORS, conf.DEFAULT_ERROR_CODE}),
    ):
        # A code such as twilio_error_{twilio_error} stands for all that begin like it.
        starts = tuple(code.partition("{")[0] for code in known if "{" in code)
        for key in conf.raw(name):
            if key not in known and not (starts and str(key).startswith(starts)):
                close = get_close_matches(str(key), known, n=1)
                yield Warning(
                    f"{PREFIX}{name} has {key!r}, which does not exist.",
                    hint=f"Did you mean {close[0]}?" if close else "Remove it.",
                    id="twilio_2fa.W014",
                )


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
        if not is_app_installed(app):
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


def _namespaces() -> Iterator[CheckMessage]:
    """Report a kit that is included where its pages cannot be found from everywhere."""
    found = mounts()
    if not found:
        return
    try:
        reverse("index")
    except NoReverseMatch:
        mount = found[0]
        names = ", ".join(mount.parameters)
        yield Error(
            f"The kit's pages are included as {mount.namespace}, below a path that takes: {names}.",
            hint="two_factor_required leads there from pages with the same parameters only. Include "
            "django_twilio_2fa.urls at a path without parameters as well.",
            id="twilio_2fa.E022",
        )
