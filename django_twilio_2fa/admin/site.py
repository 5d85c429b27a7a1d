"""An admin site that only verified staff can use."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from .. import errors
from ..conf import conf
from ..models.browsers import TrustedBrowser
from ..models.devices import Device
from ..models.figures import DailyFigure
from ..models.pauses import Pause
from ..models.verifications import Verification
from .figures import FiguresAdmin
from .models import DeviceAdmin, TrustedBrowserAdmin, VerificationAdmin
from .pauses import PauseAdmin

PAGES = (
    (Device, DeviceAdmin),
    (TrustedBrowser, TrustedBrowserAdmin),
    (Verification, VerificationAdmin),
    (Pause, PauseAdmin),
    (DailyFigure, FiguresAdmin),
)


class TwoFactorAdminSite(admin.AdminSite):
    """An admin site that requires verification. Also works as a mixin before a site's own `AdminSite`.

    Staff who are signed in and not verified are redirected to the pages of this package, and back.
    """

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        module, class_name = _find_default_site()
        if getattr(module, class_name, None) is type(self):
            # `register` could not do this, because it ran while the module of this class was being imported.
            register(self)

    def is_two_factor_required(self, request: HttpRequest) -> bool:
        """Return whether this user has to be verified. Override it to exempt some."""
        return True

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        # Staff who cannot verify can sign out.
        match = request.resolver_match
        signs_out = match is not None and match.app_name == "admin" and match.url_name == "logout"
        return signs_out or not self.is_two_factor_required(request) or _is_verified(request)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if super().has_permission(request) and not self.has_permission(request) and _may_verify(request):
            # Also on POST, so that a user who has to verify cannot sign in as another user instead.
            return self.redirect_to_verification(request)
        if request.method == "POST":
            from .login import log_in

            return log_in(self, request, extra_context)
        return super().login(request, extra_context)

    # For Django's `LoginRequiredMiddleware`, from 5.1 on: otherwise this page would redirect to itself.
    login.login_required = False  # type: ignore[attr-defined]

    def redirect_to_verification(self, request: HttpRequest) -> HttpResponseRedirect:
        """Redirect to the wizard, which leads back to the requested page of the admin."""
        then = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
        if not url_has_allowed_host_and_scheme(
            then, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            then = reverse("admin:index", current_app=self.name)
        from ..access.first_page import first_page_url
        from ..session import get_verifier

        url = first_page_url(request, get_verifier(request).registered)
        return HttpResponseRedirect(f"{url}?{urlencode({'next': then})}")


class RequiredBySetting(TwoFactorAdminSite):
    """Require verification as `REQUIRED_IN_ADMIN` says. A base class added to the default site's class."""

    def is_two_factor_required(self, request: HttpRequest) -> bool:
        return bool(conf.resolve("REQUIRED_IN_ADMIN", user=request.user, request=request))


def require_on_default_site() -> None:
    """Make the default site follow `REQUIRED_IN_ADMIN`, whatever its class is."""
    # `admin.site` is lazy: reading an attribute creates the site.
    own = cast(Any, admin.site).__class__
    if not issubclass(own, TwoFactorAdminSite):
        site = cast(Any, admin.site)._wrapped
        site.__class__ = type(own.__name__, (RequiredBySetting, own), {"__module__": own.__module__})


def register(site: admin.AdminSite | None = None) -> None:
    """Register the pages of this package with an admin site, by default with Django's default site."""
    if site is None:
        module, class_name = _find_default_site()
        if module is not None and not hasattr(module, class_name):
            # That module is importing this one to define the site. The site then registers the pages itself.
            return
        site = admin.site
    for model, page in PAGES:
        if not site.is_registered(model):
            site.register(model, page)


def _find_default_site() -> tuple[ModuleType | None, str]:
    """Return the module of the default site's class, if it is imported, and the name of the class."""
    path: str = apps.get_app_config("admin").default_site  # type: ignore[attr-defined]
    module, _, name = path.rpartition(".")
    return sys.modules.get(module), name


# `process` is imported in the functions, because Django loads this module when it starts.


def _is_verified(request: HttpRequest) -> bool:
    from .. import session
    from ..process.tables import explained

    # `may_pass` refuses users who still have to register a phone number. It is not enough alone, because it
    # accepts users who have skipped registration.
    with explained():
        return session.is_verified(request) and session.may_pass(request)


def _may_verify(request: HttpRequest) -> bool:
    """Return whether the site lets this user verify. The pages redirect other users, perhaps back here."""
    from .. import session

    try:
        session.get_verifier(request).authorize()
    except errors.UserNotAllowed:
        return False
    return True
