"""`TwoFactorMiddleware`: set `request.two_factor`, and require verification on every page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

from . import browsers
from .access.after_login import lead_on
from .access.exempt import marked
from .access.requirement import SiteRequirement
from .conf import conf
from .state import TwoFactorState

Refusal = HttpResponseBase | None

REQUIREMENT = SiteRequirement()


class TwoFactorMiddleware:
    """Set `request.two_factor`, and ask the users for whom `REQUIRED_CB` is true to verify.

    After a log-in, it redirects straight to the wizard if the next page would do so.

    Put it after Django's `AuthenticationMiddleware`. It applies to users of a session only: a request that
    the view authenticates itself, such as one with an API token, has no user yet.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.process_view: Callable[..., Any] = self._process_view
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            # Django would run a plain function in a thread.
            self.process_view = self._aprocess_view

    def __call__(self, request: HttpRequest) -> Any:
        request.two_factor = TwoFactorState(request)  # type: ignore[attr-defined]
        # For code that has no access to the response: see `api.permissions`.
        request.twilio_2fa_renews_cookie = True  # type: ignore[attr-defined]
        if self.is_async:
            return self._later(request)
        response = self.get_response(request)
        if "twilio_2fa_logged_in" in request.__dict__:
            lead_on(request, response)
        if "twilio_2fa_browser" in request.__dict__:
            browsers.renew_cookie(request, response)
        return response

    async def _later(self, request: HttpRequest) -> Any:
        response = await self.get_response(request)
        if "twilio_2fa_logged_in" in request.__dict__:
            await sync_to_async(lead_on)(request, response)
        if "twilio_2fa_browser" in request.__dict__:
            browsers.renew_cookie(request, response)
        return response

    def _process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Refusal:
        return REQUIREMENT.check(request, view) if self._asks(request, view) else None

    async def _aprocess_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Refusal:
        return await REQUIREMENT.acheck(request, view) if self._asks(request, view) else None

    def _asks(self, request: HttpRequest, view: Any) -> bool:
        """Return whether any user might have to verify for a view. Does not read the session or the user."""
        if conf.REQUIRED_CB in (None, False) or marked(view):
            return False
        if not hasattr(request, "user"):
            raise ImproperlyConfigured(
                "TwoFactorMiddleware needs request.user. Add it to MIDDLEWARE after "
                "'django.contrib.auth.middleware.AuthenticationMiddleware'."
            )
        return True
