"""Show devices in the admin, with masked values, and unlock users."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .managers import users
from .models import Device, Verification
from .process import reservations


@admin.register(Device)
class DeviceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "kind", "masked", "name", "line_type", "registered_at", "last_used_at")
    list_filter = ("kind", "registered_at")
    list_select_related = ("user",)
    fields = ("user", "kind", "masked", "name", "line_type", "registered_at", "last_used_at")
    readonly_fields = ("user", "kind", "masked", "line_type", "registered_at", "last_used_at")
    actions = ("unlock",)
    date_hierarchy = "registered_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}", "kind", "masked"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody can: a device exists once its owner has proven to hold it."""
        return False

    @admin.action(description=_("Unlock the users of the selected devices"), permissions=("change",))
    def unlock(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        owners = users().filter(twilio_2fa_devices__in=queryset).distinct()
        n = sum(reservations.unlock(user) for user in owners)
        self.message_user(request, ngettext("%d lock was lifted.", "%d locks were lifted.", n) % n)


@admin.register(Verification)
class VerificationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The audit trail, to be read only."""

    list_display = (
        "user",
        "method",
        "purpose",
        "masked",
        "status",
        "sends",
        "attempts",
        "created_at",
        "approved_at",
    )
    list_filter = ("status", "purpose", "method", "created_at")
    list_select_related = ("user",)
    fields = (*list_display, "ended_at", "error_code")
    readonly_fields = fields
    date_hierarchy = "created_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}", "masked"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Verification | None = None) -> bool:
        return False
