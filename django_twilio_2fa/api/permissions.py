"""For anyone's own endpoints: only the verified get in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ..session import may_pass
from .binding import bind, is_signed_in


class IsTwoFactorVerified(BasePermission):
    """Lets by whose session, or whose token, is verified.

    Others get 403 with `detail`, a sentence, and `error_code`: `two_factor_required`.

    `max_age` (a timedelta, or seconds) asks for a verification no older than that; set it in a subclass.
    """

    max_age: ClassVar[timedelta | float | None] = None
    code = "two_factor_required"
    message = {"detail": _("Please verify with your second factor first."), "error_code": code}

    def has_permission(self, request: Request, view: Any) -> bool:
        if not is_signed_in(request):
            return False
        return may_pass(bind(request), self.max_age)
