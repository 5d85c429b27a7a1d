"""Decide whether a request meets the requirement of a view or of the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase

from .. import browsers
from ..conf import conf
from ..process import kept_post
from ..process.session_data import subject_of
from ..process.tables import explained
from ..session import may_pass
from ..state import MaxAge, Methods, get_two_factor, load_user
from . import grace
from .exempt import is_exempt
from .refusal import refuse

Refusal = HttpResponseBase | None


def _as_timedelta(age: timedelta | float) -> timedelta:
    return age if isinstance(age, timedelta) else timedelta(seconds=age)


@dataclass(frozen=True)
class Requirement:
    """The requirement of a view: how recently and by which methods the user has to be verified.

    `max_age`: how old the verification may be, as a timedelta or in seconds. `methods`: the methods that
    count. `if_registered`: ask only users who have a device.
    """

    max_age: MaxAge = None
    methods: Methods = None
    if_registered: bool = False

    is_site_wide: ClassVar[bool] = False
    """True if every page of the site has this requirement, so that a user cannot be sent to another page."""

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for a requirement that nobody could meet."""
        if isinstance(self.methods, str):
            raise TypeError(f'methods is a list of names: methods=["{self.methods}"].')
        if self.max_age is not None and not timedelta(0) < _as_timedelta(self.max_age):
            raise ValueError("max_age has to be more than 0. Users need some time to come back to the page.")

    def check(self, request: HttpRequest, view: Any = None) -> Refusal:
        """Return the response to a refused request. None if the request is allowed."""
        if self.is_known_to_be_met(request):
            return None
        with explained():
            if self.is_met(request):
                kept_post.forget_sent(request)
                return None
            if not self.concerns(request, view) or self.is_deferred(request, view):
                return None
            if self.is_recognized(request):
                return None
            about: dict[str, Any] = {"strict": self.is_strict, "site_wide": self.is_site_wide}
            refused = refuse(request, view, self.methods, **about)
            browsers.renew_cookie(request, refused)
            return refused

    async def acheck(self, request: HttpRequest, view: Any = None) -> Refusal:
        """Run `check` in async code. Uses no thread for a session that is known to be verified."""
        await load_user(request)
        if self.is_known_to_be_met(request):
            return None
        found: Refusal = await sync_to_async(self.check)(request, view)
        return found

    def is_met(self, request: HttpRequest) -> bool:
        return may_pass(request, self.max_age, self.methods, if_registered=self.if_registered)

    def is_recognized(self, request: HttpRequest) -> bool:
        """Return whether a remembered browser lets the user in. The response then needs its new cookie."""
        if self.is_strict or not browsers.lets_in(request) or not self.is_met(request):
            return False
        kept_post.forget_sent(request)
        return True

    def concerns(self, request: HttpRequest, view: Any) -> bool:
        """Return whether the requirement applies to the request's user."""
        return True

    @property
    def is_strict(self) -> bool:
        """Return whether the requirement asks for more than a verified session."""
        return self.max_age is not None or self.methods is not None

    def is_deferred(self, request: HttpRequest, view: Any) -> bool:
        """Return whether the user is let through because of the grace period, perhaps with a reminder."""
        return not self.is_strict and grace.lets_through(request, view)

    def is_known_to_be_met(self, request: HttpRequest) -> bool:
        """Return whether the requirement is known to be met without a query."""
        known = get_two_factor(request).is_known_to_satisfy(self.max_age, self.methods)
        return known and not conf.USER_MUST_HAVE_PHONE and not kept_post.is_sent(request)


class SiteRequirement(Requirement):
    """The requirement of the middleware, for users whom `REQUIRED_CB` selects. Visitors are let through."""

    is_site_wide = True

    def concerns(self, request: HttpRequest, view: Any) -> bool:
        user = subject_of(request)
        if user is None or is_exempt(view, request.resolver_match):
            return False
        return bool(conf.resolve("REQUIRED_CB", user=user, request=request))

    def is_known_to_be_met(self, request: HttpRequest) -> bool:
        return subject_of(request) is None or super().is_known_to_be_met(request)
