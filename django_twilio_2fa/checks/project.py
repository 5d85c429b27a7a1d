"""What the project around the kit may lack: URLs, middleware, templates, static files, migrations.

`checks.py` runs these. Nothing here may take for granted that the project is in order.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Info, Warning
from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.test import RequestFactory
from django.urls import NoReverseMatch, Resolver404, URLResolver, get_resolver, resolve
from django.utils import translation
from django.utils.module_loading import import_string

from .conf import PREFIX, conf
from .installed import default_methods, get_registry
from .tables import database, unapplied

NAMESPACE = "twilio_2fa"
SANDBOX_NAMESPACE = "twilio_2fa_sandbox"
API_NAMESPACE = "twilio_2fa_api"

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
MESSAGES_CONTEXT = "django.contrib.messages.context_processors.messages"


class Mounted:
    """What of the kit the project's URLs lead to. Empty if they cannot be imported, which Django reports."""

    def __init__(self) -> None:
        self.readable = True
        self.app_names: set[str] = set()
        self.has_pages = False
        self.has_guarded_views = False
        try:
            self._walk(get_resolver())
        except Exception:
            self.readable = False

    def _walk(self, resolver: URLResolver) -> None:
        # Not at the top: Django starts without the views, and these fail without its own apps.
        from .access import TwoFactorRequiredMixin
        from .pages.base import PageMixin

        if resolver.app_name:
            self.app_names.add(resolver.app_name)
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                self._walk(pattern)
                continue
            view = pattern.callback
            view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
            if isinstance(view_class, type):
                self.has_pages |= issubclass(view_class, PageMixin)
                self.has_guarded_views |= issubclass(view_class, TwoFactorRequiredMixin)
            self.has_guarded_views |= getattr(view, "two_factor_required", False)

    @property
    def needs_a_browser(self) -> bool:
        """Whether people come here with a browser, so that sessions, log-in and templates are needed."""
        return self.has_pages or self.has_guarded_views


def urls(mounted: Mounted) -> Iterator[CheckMessage]:
    hint = 'Add path("2fa/", include("django_twilio_2fa.urls")) to the urlpatterns of ROOT_URLCONF.'
    if not mounted.readable or NAMESPACE in mounted.app_names:
        return
    if mounted.has_guarded_views:
        yield Error(
            "The URLs of django-twilio-2fa are not included, and views that ask for verification lead there.",
            hint=hint,
            id="twilio_2fa.E016",
        )
    elif not mounted.has_pages and API_NAMESPACE not in mounted.app_names:
        yield Warning(
            "The URLs of django-twilio-2fa are not included: nobody can reach its pages.",
            hint=f"{hint} A project that uses the verifier in Python only can silence this.",
            id="twilio_2fa.W008",
        )


def sandbox_page(mounted: Mounted) -> Iterator[CheckMessage]:
    is_used = conf.SANDBOX and not conf.BASE_URL and apps.is_installed("django_twilio_2fa.sandbox")
    if settings.DEBUG and is_used and mounted.readable and SANDBOX_NAMESPACE not in mounted.app_names:
        yield Warning(
            "The sandbox is on, but the page that shows its codes is not included in the URLs.",
            hint='Add path("sandbox/", include("django_twilio_2fa.sandbox.urls")) to urlpatterns.',
            id="twilio_2fa.W016",
        )


def login_page(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.readable or not mounted.needs_a_browser:
        return
    hint = (
        "Set LOGIN_URL to the name of the sign-in page, or add "
        'path("accounts/", include("django.contrib.auth.urls")) to urlpatterns.'
    )
    try:
        with translation.override(settings.LANGUAGE_CODE):
            url = resolve_url(settings.LOGIN_URL)
    except NoReverseMatch:
        yield Error(
            f"LOGIN_URL is {str(settings.LOGIN_URL)!r}, which names no URL. The kit's pages lead there.",
            hint=hint,
            id="twilio_2fa.E017",
        )
        return
    if url.startswith("/") and not url.startswith("//") and not _resolves(url.partition("?")[0]):
        yield Warning(
            f"LOGIN_URL is {url!r}, and no page of this project is there. The kit's pages lead there.",
            hint=f"{hint} If another server answers there, silence this.",
            id="twilio_2fa.W017",
        )


def _resolves(path: str) -> bool:
    """Whether a page is at the path, or where Django redirects from there: with a slash, or a language."""
    path = path.removeprefix((settings.FORCE_SCRIPT_NAME or "").rstrip("/"))
    with translation.override(settings.LANGUAGE_CODE):
        for start in ("", f"/{translation.get_language()}"):
            for end in ("", "/"):
                try:
                    resolve(start + path + end)
                except Resolver404:
                    continue
                return True
    return False


def _positions(wanted: str) -> list[int]:
    """Where a middleware, or a subclass of it, stands in MIDDLEWARE."""
    wanted_class = import_string(wanted)
    found = []
    for position, path in enumerate(settings.MIDDLEWARE):
        try:
            middleware = import_string(path)
        except ImportError:
            # Django says so as soon as the site is started.
            continue
        if middleware is wanted_class or (
            isinstance(middleware, type) and issubclass(middleware, wanted_class)
        ):
            found.append(position)
    return found


def middleware(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.needs_a_browser:
        return
    sessions, authentication = _positions(SESSIONS), _positions(AUTHENTICATION)
    if not sessions:
        yield Error(
            "There is no session middleware: the kit's pages need sessions.",
            hint=f"Add {SESSIONS!r} to MIDDLEWARE.",
            id="twilio_2fa.E018",
        )
    engine = settings.SESSION_ENGINE.rpartition(".")[2]
    if engine in ("db", "cached_db") and not apps.is_installed("django.contrib.sessions"):
        yield Error(
            "django.contrib.sessions is not in INSTALLED_APPS: there is no table to keep sessions in.",
            hint="Add 'django.contrib.sessions' to INSTALLED_APPS and migrate.",
            id="twilio_2fa.E018",
        )
    if not authentication:
        yield Error(
            "There is no authentication middleware: the kit's pages need to know who is signed in.",
            hint=f"Add {AUTHENTICATION!r} to MIDDLEWARE, after the session middleware.",
            id="twilio_2fa.E019",
        )
    elif sessions and authentication[0] < sessions[0]:
        yield Error(
            "The authentication middleware stands before the session middleware.",
            hint=f"Move {AUTHENTICATION!r} in MIDDLEWARE to after {SESSIONS!r}.",
            id="twilio_2fa.E019",
        )


def messages(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.has_pages:
        return
    lacking = []
    if not _positions(MESSAGES):
        lacking.append(f"{MESSAGES!r} to MIDDLEWARE")
    engines: list[dict[str, Any]] = settings.TEMPLATES
    processors = [p for t in engines for p in t.get("OPTIONS", {}).get("context_processors", ())]
    if MESSAGES_CONTEXT not in processors:
        lacking.append(f"{MESSAGES_CONTEXT!r} to the context_processors of TEMPLATES")
    if lacking:
        yield Warning(
            "Django's messages are not set up: what the pages say after an action is lost.",
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
        except Exception:  # noqa: S112  another fault of a template: its own page shows it best
            continue
    if missing:
        yield Error(
            f"Templates of the kit's pages are not found: {', '.join(missing)}.",
            hint="Set 'APP_DIRS': True for the DjangoTemplates engine in TEMPLATES, or name "
            "'django.template.loaders.app_directories.Loader' among its loaders.",
            id="twilio_2fa.E020",
        )


def static_files(mounted: Mounted) -> Iterator[CheckMessage]:
    if not mounted.has_pages:
        return
    if not settings.STATIC_URL:
        yield Error(
            "STATIC_URL is not set: the kit's pages cannot name their stylesheet.",
            hint='Set STATIC_URL = "static/".',
            id="twilio_2fa.E021",
        )
    elif hint := _why_not_found(f"{NAMESPACE}/{NAMESPACE}.css"):
        yield Warning("The kit's stylesheet is not among the static files.", hint=hint, id="twilio_2fa.W010")


def _why_not_found(file: str) -> str:
    """What to do for a static file to be found; empty if it is."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return "Add 'django.contrib.staticfiles' to INSTALLED_APPS, or silence this if you serve the file."
    from django.contrib.staticfiles.finders import find
    from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage

    if find(file) is None:
        return "Add 'django.contrib.staticfiles.finders.AppDirectoriesFinder' to STATICFILES_FINDERS."
    backend = import_string(settings.STORAGES["staticfiles"]["BACKEND"])
    # Any other storage might have to be asked over the network.
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
            f"{settings.AUTH_USER_MODEL} has no e-mail address: nobody is told that they are locked out.",
            hint=f"Set EMAIL_FIELD on the user model, or {PREFIX}NOTIFY_OWNER = False.",
            id="twilio_2fa.W013",
        )


def methods(mounted: Mounted) -> Iterator[CheckMessage]:
    """Methods that cannot be used as the project is, and a list of methods with which nobody can begin."""
    allowed = conf.ALLOWED_METHODS
    is_list = isinstance(allowed, (list, tuple, set, frozenset))
    if allowed is not None and not is_list:
        return
    registry = get_registry()
    names = [n for n in (allowed if is_list else default_methods()) if n in registry.providers]
    unusable = {name: why for name in names if (why := _why_unusable(name))}
    for name, why in unusable.items():
        if is_list:
            yield Warning(
                f"{PREFIX}ALLOWED_METHODS has {name!r}, which cannot be used: {why}.",
                hint="Install or add what is missing, or take the method out of the list.",
                id="twilio_2fa.W011",
            )
        elif is_app_installed(registry.apps[name]):
            yield Info(
                f"The method {name} is not offered: {why}.",
                hint=f"Install what is missing, or name the methods you want in {PREFIX}ALLOWED_METHODS.",
                id="twilio_2fa.I002",
            )
    if is_list and not any(n not in unusable and not registry.providers[n].is_backup for n in names):
        yield Warning(
            f"{PREFIX}ALLOWED_METHODS leaves no method to begin with: nobody can verify.",
            hint="Name a method that can be registered first, or set None for all.",
            id="twilio_2fa.W015",
        )


def _why_unusable(name: str) -> str:
    try:
        # As from a page: a method may need the request to build an address.
        return get_registry().providers[name].why_unavailable(user=None, request=RequestFactory().get("/"))
    except Exception:
        # It may well have to know the user.
        return ""


def is_app_installed(app: str) -> bool:
    """Whether the package of a provider belongs to an installed app."""
    return any(c.name == app or app.startswith(c.name + ".") for c in apps.get_app_configs())


def migrations(databases: Collection[str]) -> Iterator[CheckMessage]:
    # Only those that are asked for may be read. `migrate` asks, too, just before it does what is missing.
    if database() not in databases or sys.argv[1:2] == ["migrate"]:
        return
    if missing := unapplied():
        yield Warning(
            f"The database lacks migrations of the kit: {', '.join(missing)}.",
            hint="Run: python manage.py migrate",
            id="twilio_2fa.W012",
        )


PROJECT_CHECKS = (
    urls,
    sandbox_page,
    login_page,
    middleware,
    messages,
    templates,
    static_files,
    user_model,
    methods,
)
