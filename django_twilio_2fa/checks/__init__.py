"""Report mistakes in the settings and the installation, for `manage.py check`.

Nothing is raised at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register

from . import methods, project, twilio, urls, values

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
    found = [message for check in values.SPELLING for message in _guarded(check)]
    # A check that reads a value of a wrong type may fail because of it, which is reported already.
    are_types_right = not any(message.id == "twilio_2fa.E002" for message in found)
    mounted = urls.Mounted()
    checks: list[Callable[[], Iterator[CheckMessage]]] = [
        *values.CHECKS,
        *twilio.CHECKS,
        *methods.CHECKS,
        *(urls.SETTINGS_CHECKS if mounted.readable else ()),
        *(partial(check, mounted) for check in (*urls.CHECKS, *project.CHECKS, *methods.PROJECT_CHECKS)),
    ]
    for check in checks:
        found += _guarded(check, tell=are_types_right)
    return found


@register(Tags.database)
def check_database(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return _guarded(partial(project.migrations, databases or ()))


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
