"""The decorator and the mixin that require a verified user."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import getattr_static, isawaitable
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.views import View as BaseView

from .. import browsers
from ..state import MaxAge, Methods
from .requirement import Requirement

View = Callable[..., Any]


class TwoFactorRequiredMixin:
    """Let only users with a verified session open the view, which may have async handlers.

    `two_factor_max_age`: how old the verification may be, as a timedelta or in seconds.
    `two_factor_methods`: the methods that count. `two_factor_if_registered`: ask only users with a device.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raise TypeError if a view comes before this class in the bases: the mixin would have no effect."""
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if BaseView in order and order.index(BaseView) < order.index(TwoFactorRequiredMixin):
            raise TypeError(f"{cls.__qualname__} has to name TwoFactorRequiredMixin before the view.")

    _requires_two_factor: ClassVar[bool] = True  # for `manage.py check`
    two_factor_max_age: MaxAge = None
    two_factor_methods: Methods = None
    two_factor_if_registered: bool = False

    def get_two_factor_requirement(self) -> Requirement:
        """Return what the view asks for. Override it to decide by the request."""
        return Requirement(self.two_factor_max_age, self.two_factor_methods, self.two_factor_if_registered)

    @classmethod
    def _two_factor_requirement_of(cls, options: dict[str, Any]) -> Requirement | None:
        """Return the requirement of a view with these options. None if the site's code decides."""
        ours = TwoFactorRequiredMixin
        if cls.get_two_factor_requirement is not ours.get_two_factor_requirement:
            return None
        # An override of one of these runs before the requirement is checked.
        if cls.dispatch is not ours.dispatch or getattr(cls, "setup", None) is not BaseView.setup:
            return None
        names = ("two_factor_max_age", "two_factor_methods", "two_factor_if_registered")
        if any(hasattr(getattr_static(cls, name), "__get__") for name in names):  # a property
            return None
        return cls(**options).get_two_factor_requirement()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        requirement = self.get_two_factor_requirement()
        if getattr(self, "view_is_async", False):
            return self._dispatch_later(requirement, request, *args, **kwargs)
        refused = requirement.check(request, type(self))
        return refused or _with_cookie(
            request,
            super().dispatch(request, *args, **kwargs),  # type: ignore[misc]
        )

    async def _dispatch_later(
        self, requirement: Requirement, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> Any:
        refused = await requirement.acheck(request, type(self))
        if refused:
            return refused
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return _with_cookie(request, await response if isawaitable(response) else response)


def two_factor_required(
    view: View | None = None,
    *,
    max_age: MaxAge = None,
    methods: Methods = None,
    if_registered: bool = False,
) -> Callable[..., Any]:
    """Let only users with a verified session call the view, which may be async.

    The arguments are those of the mixin, and are optional. Also works with `method_decorator`.
    """
    requirement = Requirement(max_age, methods, if_registered)

    def decorate(view: View) -> View:
        @wraps(view)
        async def awrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = await requirement.acheck(request, view)
            if refused:
                return refused
            response = view(request, *args, **kwargs)
            return _with_cookie(request, await response if isawaitable(response) else response)

        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if _is_in_event_loop():
                # Called for `dispatch` of a view with async handlers, where Django awaits the result.
                return awrapped(request, *args, **kwargs)
            return requirement.check(request, view) or _with_cookie(request, view(request, *args, **kwargs))

        found: Any = awrapped if iscoroutinefunction(view) else wrapped
        # For `manage.py check`. Outer decorators that use functools.wraps copy the attribute.
        found.two_factor_required = True
        # For `after_login`. Outer decorators copy the attribute, so the pair names the view that it is about.
        found._two_factor_requirement = found, requirement
        return found  # type: ignore[no-any-return]

    return decorate(view) if view is not None else decorate


def _with_cookie(request: HttpRequest, response: Any) -> Any:
    """Set the new cookie of the remembered browser that has just let its user in, and return the response."""
    if not hasattr(request, "twilio_2fa_browser"):
        return response
    if isawaitable(response):
        # Called for `dispatch` of a view with async handlers, under WSGI.
        return _with_cookie_later(request, response)
    browsers.renew_cookie(request, response)
    return response


async def _with_cookie_later(request: HttpRequest, response: Awaitable[Any]) -> Any:
    return _with_cookie(request, await response)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
