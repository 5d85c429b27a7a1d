"""Require a verified user: a mixin for class-based views and a decorator for functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from .process.tables import explained
from .reverse import reverse
from .session import may_pass

MaxAge = timedelta | float | None


def redirect_to_verification(request: HttpRequest) -> HttpResponseRedirect:
    """Redirect to the sign-in page or the wizard, and back to this page afterwards."""
    path = request.get_full_path()
    if not request.user.is_authenticated:
        return redirect_to_login(path)
    return HttpResponseRedirect(f"{reverse('index', request=request)}?{urlencode({'next': path})}")


class TwoFactorRequiredMixin:
    """Let only a verified session through to the view.

    `two_factor_max_age` asks for a verification no older than that (a timedelta, or seconds).
    """

    two_factor_max_age: MaxAge = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with explained():
            passes = may_pass(request, self.two_factor_max_age)
        if not passes:
            return redirect_to_verification(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


def two_factor_required(
    view: Callable[..., HttpResponseBase] | None = None, *, max_age: MaxAge = None
) -> Callable[..., Any]:
    """Let only a verified session through to the function; `max_age` as for the mixin."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with explained():
                passes = may_pass(request, max_age)
            if not passes:
                return redirect_to_verification(request)
            return view(request, *args, **kwargs)

        # Seen by `manage.py check`: other decorators that use functools.wraps pass it on.
        wrapped.two_factor_required = True  # type: ignore[attr-defined]
        return wrapped

    return decorate(view) if view is not None else decorate
