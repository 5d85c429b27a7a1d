"""The log-in page of the admin. It asks for the password, and signs users in once they are verified."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from ..pages.login import TwoFactorLoginView


class AdminLoginView(TwoFactorLoginView):
    """The log-in page of an admin site. Only users of whom the site requires it have to verify."""

    site: Any = None
    """The `TwoFactorAdminSite` of this page."""

    # The admin has no log-in without a password: its template has no place for it, and its view may run in
    # a transaction.
    passwordless_provider = None

    def needs_verification(self, user: Any) -> bool:
        before = self.request.user
        self.request.user = user
        try:
            required = self.site is None or self.site.is_two_factor_required(self.request)
        finally:
            self.request.user = before
        return required and super().needs_verification(user)


def log_in(site: Any, request: HttpRequest, extra_context: dict[str, Any] | None) -> HttpResponse:
    """Respond to the log-in form, like `AdminSite.login`, which does not let the site choose the view."""
    context = {
        **site.each_context(request),
        "title": _("Log in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
    }
    if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
        context[REDIRECT_FIELD_NAME] = reverse("admin:index", current_app=site.name)
    request.current_app = site.name
    view = AdminLoginView.as_view(
        site=site,
        extra_context={**context, **(extra_context or {})},
        authentication_form=site.login_form or AdminAuthenticationForm,
        template_name=site.login_template or "admin/login.html",
    )
    return cast(HttpResponse, view(request))
