"""Check that the pages are included, and that the URLs in the settings lead to pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, resolve
from django.utils import translation

from ..conf import PREFIX, as_callable, conf
from ..reverse import mounts, reverse

NAMESPACE = "twilio_2fa"
SANDBOX_NAMESPACE = "twilio_2fa_sandbox"
API_NAMESPACE = "twilio_2fa_api"


class Mounted:
    """The pages of this package in the project's URLs.

    There are none if the URLs cannot be imported, which Django reports.
    """

    def __init__(self) -> None:
        self.readable = True
        self.app_names: set[str] = set()
        self.has_pages = False
        self.has_guarded_views = False
        self.has_login_view = False
        self.other_log_ins: list[str] = []
        try:
            self._walk(get_resolver())
        except Exception:
            # Django's own check of the URLs shows the error.
            self.readable = False

    def _walk(self, resolver: URLResolver) -> None:
        if resolver.app_name:
            self.app_names.add(resolver.app_name)
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                self._walk(pattern)
                continue
            view = pattern.callback
            view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
            if isinstance(view_class, type):
                self._look_at(view_class, view, pattern)
            self.has_guarded_views |= getattr(view, "two_factor_required", False) is True
            self.has_guarded_views |= is_two_factor(getattr(view, "admin_site", None))
            # The log-in view of an admin site is a method of the site.
            owner: Any = getattr(view, "__self__", None)
            if pattern.name == "login" and hasattr(owner, "has_permission") and not is_two_factor(owner):
                self.other_log_ins.append(f"{owner.name}:login")

    def _look_at(self, view_class: type, view: Any, pattern: URLPattern) -> None:
        # Views are recognized by attributes of their classes. Importing the pages takes time, and needs apps
        # that a project may lack.
        self.has_pages |= getattr(view_class, "is_two_factor_page", False) is True
        self.has_guarded_views |= getattr(view_class, "_requires_two_factor", False) is True
        self.has_login_view |= getattr(view_class, "_is_two_factor_login", False) is True
        holds = getattr(view_class, "_verifies_before_sign_in", False) is True
        if signs_in(view_class, getattr(view, "view_initkwargs", {})) and not holds:
            self.other_log_ins.append(pattern.lookup_str)

    @property
    def needs_a_browser(self) -> bool:
        """Return whether the project has pages that need sessions and a log-in page."""
        return self.has_pages or self.has_guarded_views


def is_two_factor(site: Any) -> bool:
    """Return whether an admin site requires verification."""
    return hasattr(site, "is_two_factor_required")


def signs_in(view_class: type, options: dict[str, Any]) -> bool:
    """Return whether a view is one of Django's that sign a user in."""
    from django.contrib.auth.views import LoginView, PasswordResetConfirmView

    if issubclass(view_class, PasswordResetConfirmView):
        return bool(options.get("post_reset_login", view_class.post_reset_login))
    return issubclass(view_class, LoginView)


def urls(mounted: Mounted) -> Iterator[CheckMessage]:
    hint = 'Add path("2fa/", include("django_twilio_2fa.urls")) to the urlpatterns of ROOT_URLCONF.'
    if not mounted.readable or NAMESPACE in mounted.app_names:
        return
    if mounted.has_guarded_views or conf.REQUIRED_CB not in (None, False):
        yield Error(
            "The URLs of django-twilio-2fa are not included, but a view or the middleware redirects to them.",
            hint=hint,
            id="twilio_2fa.E016",
        )
    elif not mounted.has_pages and API_NAMESPACE not in mounted.app_names:
        yield Warning(
            "The URLs of django-twilio-2fa are not included, so nobody can reach its pages.",
            hint=f"{hint} Silence this if your project uses only the Python API.",
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
            f"LOGIN_URL is {str(settings.LOGIN_URL)!r}, which is not the name of a URL.",
            hint=hint,
            id="twilio_2fa.E017",
        )
        return
    if url.startswith("/") and not url.startswith("//") and not _resolves(url.partition("?")[0]):
        yield Warning(
            f"LOGIN_URL is {url!r}, but this project has no page there.",
            hint=f"{hint} Silence this if another server has that page.",
            id="twilio_2fa.W017",
        )


def _resolves(path: str) -> bool:
    """Return whether a path leads to a page, directly or after Django adds a slash or a language."""
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


def _addresses() -> Iterator[CheckMessage]:
    for name in ("VERIFY_SUCCESS_URL", "REGISTER_OPTIONAL_URL", "DISALLOWED_REDIRECT_URL", "LOGOUT_URL"):
        value = conf.raw(name)
        if not isinstance(value, str) or not value or as_callable(value) is not None:
            continue
        try:
            resolve_url(value)
        except NoReverseMatch:
            hint = "Use a path, the name of a URL, or a callable that returns one of them."
            yield Error(
                f"{PREFIX}{name} is {value!r}, but no URL has this name.", hint=hint, id="twilio_2fa.E014"
            )


def _namespaces() -> Iterator[CheckMessage]:
    """Report an include of this package whose URLs cannot be reversed from every page."""
    found = mounts()
    if not found:
        return
    try:
        reverse("index")
    except NoReverseMatch:
        mount = found[0]
        names = ", ".join(mount.parameters)
        yield Error(
            f"django_twilio_2fa.urls is included as {mount.namespace}, below the path parameters {names}.",
            hint="two_factor_required can redirect there only from pages with the same parameters. Include "
            "django_twilio_2fa.urls at a path without parameters as well.",
            id="twilio_2fa.E022",
        )


SETTINGS_CHECKS = (_addresses, _namespaces)
CHECKS = (urls, sandbox_page, login_page)
