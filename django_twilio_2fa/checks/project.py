"""Check the project around this package: middleware, templates, static files, user model, migrations."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.module_loading import import_string

from ..conf import PREFIX, conf
from ..process.tables import database, unapplied
from .urls import NAMESPACE, Mounted

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
MESSAGES_CONTEXT = "django.contrib.messages.context_processors.messages"


def positions(wanted: str) -> list[int]:
    """Return the positions of a middleware, or of a subclass of it, in MIDDLEWARE."""
    wanted_class = import_string(wanted)
    found = []
    for position, path in enumerate(settings.MIDDLEWARE):
        try:
            middleware = import_string(path)
        except ImportError:
            # Django reports it when the site starts.
            continue
        if middleware is wanted_class or (
            isinstance(middleware, type) and issubclass(middleware, wanted_class)
        ):
            found.append(position)
    return found


def middleware(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.needs_a_browser:
        return
    sessions, authentication = positions(SESSIONS), positions(AUTHENTICATION)
    if not sessions:
        yield Error(
            "There is no session middleware, but the pages of django-twilio-2fa need sessions.",
            hint=f"Add {SESSIONS!r} to MIDDLEWARE.",
            id="twilio_2fa.E018",
        )
    engine = settings.SESSION_ENGINE.rpartition(".")[2]
    if engine in ("db", "cached_db") and not apps.is_installed("django.contrib.sessions"):
        yield Error(
            "django.contrib.sessions is not in INSTALLED_APPS, so there is no table for sessions.",
            hint="Add 'django.contrib.sessions' to INSTALLED_APPS and migrate.",
            id="twilio_2fa.E018",
        )
    if not authentication:
        yield Error(
            "There is no authentication middleware, but the pages of django-twilio-2fa need request.user.",
            hint=f"Add {AUTHENTICATION!r} to MIDDLEWARE, after the session middleware.",
            id="twilio_2fa.E019",
        )
    elif sessions and authentication[0] < sessions[0]:
        yield Error(
            "The authentication middleware comes before the session middleware.",
            hint=f"Move {AUTHENTICATION!r} in MIDDLEWARE to after {SESSIONS!r}.",
            id="twilio_2fa.E019",
        )


def messages(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.has_pages:
        return
    lacking = []
    if not positions(MESSAGES):
        lacking.append(f"{MESSAGES!r} to MIDDLEWARE")
    engines: list[dict[str, Any]] = settings.TEMPLATES
    processors = [p for t in engines for p in t.get("OPTIONS", {}).get("context_processors", ())]
    if MESSAGES_CONTEXT not in processors:
        lacking.append(f"{MESSAGES_CONTEXT!r} to the context_processors of TEMPLATES")
    if lacking:
        yield Warning(
            "Django's messages framework is not set up, so messages after a redirect are lost.",
            hint=f"Add {' and '.join(lacking)}.",
            id="twilio_2fa.W009",
        )


def templates(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.has_pages:
        return
    missing = []
    for name in ("start", "register", "verify", "success", "failed", "devices"):
        try:
            get_template(f"{NAMESPACE}/{name}.html")
        except TemplateDoesNotExist:
            missing.append(f"{NAMESPACE}/{name}.html")
        except Exception:  # noqa: S112 - opening the page shows any other error
            continue
    if missing:
        yield Error(
            f"Templates of django-twilio-2fa are not found: {', '.join(missing)}.",
            hint="Set 'APP_DIRS': True for the DjangoTemplates engine in TEMPLATES, or name "
            "'django.template.loaders.app_directories.Loader' among its loaders.",
            id="twilio_2fa.E020",
        )


def static_files(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.has_pages:
        return
    if not settings.STATIC_URL:
        yield Error(
            "STATIC_URL is not set, so the pages of django-twilio-2fa cannot link to their stylesheet.",
            hint='Set STATIC_URL = "static/".',
            id="twilio_2fa.E021",
        )
    elif hint := _why_not_found(f"{NAMESPACE}/{NAMESPACE}.css"):
        yield Warning(
            "The stylesheet of django-twilio-2fa is not among the static files.",
            hint=hint,
            id="twilio_2fa.W010",
        )


def _why_not_found(file: str) -> str:
    """Return the hint for a static file that Django does not find. Empty if Django finds the file."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return "Add 'django.contrib.staticfiles' to INSTALLED_APPS, or silence this if you serve the file."
    from django.contrib.staticfiles.finders import find
    from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage

    if find(file) is None:
        return "Add 'django.contrib.staticfiles.finders.AppDirectoriesFinder' to STATICFILES_FINDERS."
    backend = import_string(settings.STORAGES["staticfiles"]["BACKEND"])
    # Another storage might need the network.
    if issubclass(backend, StaticFilesStorage):
        try:
            staticfiles_storage.url(file)
        except (ValueError, ImproperlyConfigured):
            return "Set STATIC_ROOT, and run: python manage.py collectstatic"
    return ""


def user_model(mounted: Mounted) -> Iterator[CheckMessage]:
    model = get_user_model()
    name: Any = getattr(model, "get_email_field_name", lambda: "email")()
    if conf.NOTIFY_OWNER and not hasattr(model, name):
        yield Warning(
            f"{settings.AUTH_USER_MODEL} has no e-mail address, so users cannot be notified.",
            hint=f"Set EMAIL_FIELD on the user model, or {PREFIX}NOTIFY_OWNER = False.",
            id="twilio_2fa.W013",
        )


def migrations(databases: Collection[str]) -> Iterator[CheckMessage]:
    # A check may read only the databases that are passed to it. `migrate` runs this check as well, just
    # before it applies the missing migrations.
    if database() not in databases or sys.argv[1:2] == ["migrate"]:
        return
    if missing := unapplied():
        yield Warning(
            f"Migrations of django-twilio-2fa have not been applied: {', '.join(missing)}.",
            hint="Run: python manage.py migrate",
            id="twilio_2fa.W012",
        )


CHECKS = (middleware, messages, templates, static_files, user_model)
