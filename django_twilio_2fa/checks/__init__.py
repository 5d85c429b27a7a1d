"""Report mistakes in the settings and the installation, for `manage.py check`.

Nothing is raised at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register

# What is found, by the message's id; docs/installation.md shows it.
FOUND: dict[str, str] = {
    "E001": "a setting that does not exist, for example because it is misspelt",
    "E002": "a setting of the wrong type, or a dotted path that cannot be imported",
    "E003": "a setting with an invalid value",
    "E004": "no Twilio credentials, and the sandbox is off",
    "E005": "no Verify service, and the sandbox is off",
    "E006": "the sandbox is on although `DEBUG` is off",
    "E007": "the sandbox is on, but its app is not installed",
    "E008": "`ALLOWED_METHODS` names a method that is not installed",
    "E009": "no method is installed",
    "E010": "a country that does not exist",
    "E011": "a line type that does not exist",
    "E012": "a limit that does not exist, or a rate that cannot be parsed",
    "E013": "the user model lacks the field that `UNAUTHENTICATED_USER_FIELD` names",
    "E014": "a setting names a URL name that does not exist",
    "E015": "`API_CLASSES` names something that is not a class",
    "E016": "verification is required, but the URLs of this package are not included",
    "E017": "`LOGIN_URL` is neither a path nor the name of a URL",
    "E018": "no session middleware, or `django.contrib.sessions` is not in `INSTALLED_APPS`",
    "E019": "no authentication middleware, or it comes before the session middleware",
    "E020": "the templates of this package are not found, for example because `APP_DIRS` is off",
    "E021": "`STATIC_URL` is not set",
    "E022": "this package is included below a path with parameters, so its URLs cannot be "
    "reversed from other pages",
    "E023": "`TwoFactorMiddleware` without Django's authentication middleware before it",
    "E040": "`PRICES` has something that is not a price",
    "E041": "a budget that cannot be read, or has neither `messages` nor `money`",
    "W001": "a provider that cannot be imported, or two packages with a method of the same name",
    "W002": "`widget_tweaks` or `formtools` is not in `INSTALLED_APPS`",
    "W003": "the app of a method is not in `INSTALLED_APPS`",
    "W004": "a setting has its old name, from 0.32",
    "W005": "a setting is set twice: by its old name and by its new name",
    "W006": "a method for which users cannot register a device, because its provider has no form for that",
    "W007": "a setting of an earlier release that is no longer used",
    "W008": "neither the pages nor the API of this package are included in the URLs",
    "W009": "Django's messages framework is not set up",
    "W010": "the static files of this package are not found or not collected",
    "W011": "`ALLOWED_METHODS` names a method that cannot be used, for example `totp` because its extra "
    "is not installed",
    "W012": "a migration has not been applied (reported only by `check --database default`)",
    "W013": "the user model has no e-mail address, so users cannot be notified",
    "W014": "`METHOD_DETAILS` or `ERROR_DISPLAY` names a method or an error code that does not exist",
    "W015": "`ALLOWED_METHODS` has only backup methods, such as recovery codes, which cannot be "
    "the first device",
    "W016": "the sandbox is on, but its page is not included in the URLs",
    "W017": "`LOGIN_URL` is a path for which there is no page",
    "W018": "one of these checks raised an exception",
    "W019": "`REQUIRED_CB` is set, but `TwoFactorMiddleware` is not installed",
    "W020": "`TwoFactorLoginView` is used, but no page requires verification",
    "W021": "besides `TwoFactorLoginView`, other views sign users in without verification",
    "I001": "`CLIENT_ADDRESS_CB` is not set, so requests are not limited by IP address",
    "I002": "a method is not offered, for example `totp` because its extra is not installed",
    "I003": "`TwoFactorMiddleware` is installed, and `REQUIRED_CB` is not set",
}


@register("twilio_2fa")
def check_all(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    # Imported here, because servers register the checks and never run them.
    from . import access, costs, methods, project, twilio, urls, values

    found = [message for check in values.SPELLING for message in _guarded(check)]
    # A check that reads a value of a wrong type may fail because of it, which is reported already.
    are_types_right = not any(message.id == "twilio_2fa.E002" for message in found)
    mounted = urls.Mounted()
    checks: list[Callable[[], Iterator[CheckMessage]]] = [
        *values.CHECKS,
        *costs.CHECKS,
        *twilio.CHECKS,
        *methods.CHECKS,
        *(urls.SETTINGS_CHECKS if mounted.readable else ()),
        *(
            partial(check, mounted)
            for check in (*urls.CHECKS, *project.CHECKS, *access.CHECKS, *methods.PROJECT_CHECKS)
        ),
    ]
    for check in checks:
        found += _guarded(check, tell=are_types_right)
    return found


@register(Tags.database)
def check_database(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    from . import project

    return _guarded(partial(project.migrations, databases or ()))


def _guarded(check: Callable[[], Iterator[CheckMessage]], tell: bool = True) -> list[CheckMessage]:
    """Run a check. If it raises an exception, the results of the other checks are still reported."""
    found: list[CheckMessage] = []
    try:
        for message in check():
            found.append(message)
    except Exception as e:
        if tell:
            name = getattr(check, "func", check).__name__.strip("_")
            says = f"The check {name!r} of django-twilio-2fa failed: {type(e).__name__}: {e}"
            hint = "Fix what it reports. If nothing is wrong with your project, report it."
            found.append(Warning(says, hint=hint, id="twilio_2fa.W018"))
    return found
