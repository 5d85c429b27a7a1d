"""Decide which views `TwoFactorMiddleware` exempts: by the view, never by the text of a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import apps
from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.contrib.staticfiles.views import serve as serve_static
from django.urls import Resolver404, ResolverMatch, get_script_prefix, get_urlconf, resolve
from django.utils.translation import get_language_from_path, override
from django.views.static import serve

from ..conf import conf

V = TypeVar("V", bound=Callable[..., Any])

# URL names of Django's log-in and log-out views and of allauth's.
NAMES = ("login", "logout", "account_login", "account_logout")
ADMIN_VIEWS = ("login", "logout", "i18n_javascript")
FILES = (serve, serve_static)


def two_factor_exempt(view: V) -> V:
    """Exempt a view, a function or a class, from the middleware. `two_factor_required` still applies."""
    if isinstance(view, type):
        view.two_factor_exempt = True  # type: ignore[attr-defined]
        return view

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    # Another URL may lead to the view itself, which is not exempt there.
    wrapped.two_factor_exempt = True  # type: ignore[attr-defined]
    found: Any = markcoroutinefunction(wrapped) if iscoroutinefunction(view) else wrapped
    return found  # type: ignore[no-any-return]


def marked(view: Any) -> bool | None:
    """Return whether a view, or its class, is marked as exempt. None without a mark."""
    said = getattr(view, "two_factor_exempt", None)
    if said is None:
        said = getattr(class_of(view), "two_factor_exempt", None)
    return said


def is_exempt(view: Any, match: ResolverMatch | None = None) -> bool:
    """Return whether the middleware exempts a view. `match`: Django's match of the view's URL."""
    said = marked(view)
    if said is not None:
        return said
    view_class = class_of(view)
    if isinstance(view_class, type) and issubclass(view_class, (LoginView, LogoutView)):
        return True
    if view in FILES or _is_of_admin(view):
        return True
    return match is not None and _is_named(match)


def class_of(view: Any) -> Any:
    """Return the class of a class-based view of Django or Django REST framework. None for a function."""
    if isinstance(view, type):
        return view
    return getattr(view, "view_class", None) or getattr(view, "cls", None)


def _wrapped_in(view: Any) -> Iterator[Any]:
    while view is not None:
        yield view
        view = getattr(view, "__wrapped__", None)


def _is_of_admin(view: Any) -> bool:
    """Return whether a view is the log-in, the log-out or the script translations of an admin site."""
    if not apps.is_installed("django.contrib.admin"):
        return False
    from django.contrib.admin.sites import AdminSite

    return any(
        isinstance(getattr(v, "__self__", None), AdminSite) and v.__name__ in ADMIN_VIEWS
        for v in _wrapped_in(view)
    )


def _is_named(match: ResolverMatch) -> bool:
    """Return whether users sign in or out with the view, by its URL name or the site's settings."""
    login, logout = str(settings.LOGIN_URL), conf.LOGOUT_URL
    if match.view_name in (*NAMES, login, logout):
        return True
    paths = [url for url in (login, logout) if isinstance(url, str) and url.startswith("/")]
    return any(_is_at(match, url.partition("?")[0]) for url in paths)


def _is_at(match: ResolverMatch, path: str) -> bool:
    """Return whether a path leads to the view of `match` with the same arguments.

    The arguments count because one view may serve every page of a content management system, and only one of
    these pages is for signing in.
    """
    prefix = get_script_prefix()
    if not path.startswith(prefix):
        return False
    found = _match_at(f"/{path.removeprefix(prefix)}", get_urlconf())
    return found is not None and (found.func, found.args, found.kwargs) == (
        match.func,
        match.args,
        match.kwargs,
    )


@lru_cache(maxsize=64)
def _match_at(path: str, urlconf: Any) -> ResolverMatch | None:
    # Not in the language of the request, because its URL prefix may be different.
    with override(get_language_from_path(path) or settings.LANGUAGE_CODE):
        try:
            return resolve(path, urlconf)
        except Resolver404:
            return None
