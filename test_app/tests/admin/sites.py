"""Admin sites of a project that require verification."""

from __future__ import annotations

from typing import Any

from demo.urls import urlpatterns as demo_patterns
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.urls import path

from django_twilio_2fa.admin import TwoFactorAdminSite, TwoFactorUserActions


class OtherSite(admin.AdminSite):
    """An admin site of another package."""

    site_header = "Of another package"


class OwnSite(TwoFactorAdminSite, OtherSite):
    pass


class OwnUserAdmin(TwoFactorUserActions, UserAdmin):
    pass


class LenientSite(TwoFactorAdminSite):
    def is_two_factor_required(self, request: Any) -> bool:
        return bool(request.user.is_superuser)


own = OwnSite(name="own")
own.register(get_user_model(), OwnUserAdmin)
lenient = LenientSite(name="lenient")

urlpatterns = [*demo_patterns, path("staff/", own.urls), path("lenient/", lenient.urls)]
