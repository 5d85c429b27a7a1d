"""The permission class for endpoints that require verification."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

from django.urls import NoReverseMatch
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .. import browsers
from ..session import may_pass
from .binding import bind, is_signed_in


class IsTwoFactorVerified(BasePermission):
    """Allow only requests whose session or API token is verified.

    Other requests get a 403 with `detail`, a sentence, and the `error_code` `two_factor_required`. Requests
    with a session also get `url`, where the user can verify.

    `max_age`: how old the verification may be, as a timedelta or in seconds. `methods`: the methods that
    count. Set them in a subclass.
    """

    max_age: ClassVar[timedelta | float | None] = None
    methods: ClassVar[Collection[str] | None] = None
    code = "two_factor_required"
    message = {"detail": _("Check it is you before you go on."), "error_code": code}

    def is_recognized(self, http: Any) -> bool:
        """Return whether a remembered browser lets the user in. The middleware sets its new cookie."""
        if self.max_age is not None or self.methods is not None:
            return False
        renews = getattr(http, "twilio_2fa_renews_cookie", False)
        return renews and browsers.lets_in(http) and may_pass(http)

    def has_permission(self, request: Request, view: Any) -> bool:
        if not is_signed_in(request):
            return False
        http = bind(request)
        if may_pass(http, self.max_age, self.methods) or self.is_recognized(http):
            return True
        if not getattr(http, "twilio_2fa_flow", ""):
            # Imported here because it needs parts of Django that only the pages use.
            from ..access.refusal import page_of, verification_url

            with suppress(NoReverseMatch):  # an API without pages
                strict = self.max_age is not None or self.methods is not None
                url = verification_url(http, page_of(http), self.methods, strict)
                self.message = {**type(self).message, "url": url}
        return False
