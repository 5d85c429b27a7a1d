"""The admin pages of devices, remembered browsers and verifications."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from ..managers import users
from ..models.browsers import TrustedBrowser
from ..models.devices import Device
from ..models.verifications import Verification
from .actions import TwoFactorUserActions
from .filters import AccountsFilter, CountryFilter, MethodFilter

MOST_SHOWN = 50


def accounts_with(kind: str, digest: str) -> str:
    """Return the names of the users who have registered a number or address, separated by commas."""
    # Imported here because Django loads this module when it starts.
    from ..process.accounts import users_with

    if not digest:
        return ""
    found = users().filter(pk__in=users_with(kind, [digest])).order_by("pk")[:MOST_SHOWN]
    return ", ".join(user.get_username() for user in found)


class DeviceAdmin(TwoFactorUserActions, admin.ModelAdmin):  # type: ignore[type-arg]
    """The page of devices. It shows masked values, and can name and remove devices."""

    list_display = ("user", "kind", "masked", "name", "line_type", "registered_at", "last_used_at")
    list_filter = ("kind", AccountsFilter, "registered_at")
    list_select_related = ("user",)
    fields = ("user", "kind", "masked", "name", "line_type", "registered_at", "last_used_at", "accounts")
    readonly_fields = ("user", "kind", "masked", "line_type", "registered_at", "last_used_at", "accounts")
    date_hierarchy = "registered_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}", "kind", "masked"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Return False: a device is registered by its owner, who proves that they hold it."""
        return False

    @admin.display(description=gettext_lazy("accounts with the same value"))
    def accounts(self, device: Device) -> str:
        return accounts_with(device.kind, device.digest)

    # Before Django calls these, it asks for confirmation, checks the permission, and writes the admin log.

    def delete_model(self, request: HttpRequest, obj: Device) -> None:
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._remove(request, list(queryset.select_related("user")))

    def _remove(self, request: HttpRequest, devices: list[Device]) -> None:
        # Imported here because Django loads this module when it starts.
        from ..process import administration

        by_owner: dict[Any, list[Device]] = defaultdict(list)
        for device in devices:
            by_owner[device.user].append(device)
        for user, own in by_owner.items():
            administration.remove(user, own, request)


class TrustedBrowserAdmin(TwoFactorUserActions, admin.ModelAdmin):  # type: ignore[type-arg]
    """The page of remembered browsers. In a deleted browser, the user is asked for a code again."""

    list_display = ("user", "name", "trusted_at", "last_used_at")
    list_filter = ("trusted_at", "last_used_at")
    list_select_related = ("user",)
    fields = list_display
    readonly_fields = list_display

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}", "name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrustedBrowser | None = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: TrustedBrowser) -> None:
        self._end(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TrustedBrowser]) -> None:
        self._end(request, list(queryset.select_related("user")))

    def _end(self, request: HttpRequest, found: list[TrustedBrowser]) -> None:
        # Imported here because Django loads this module when it starts.
        from ..process import browsers

        for browser in found:
            browsers.end(browser, "administrator", request)


class VerificationAdmin(TwoFactorUserActions, admin.ModelAdmin):  # type: ignore[type-arg]
    """The read-only page of verifications, with masked values."""

    list_display = (
        "user",
        "method",
        "purpose",
        "masked",
        "country",
        "status",
        "sends",
        "attempts",
        "created_at",
        "approved_at",
    )
    list_filter = ("status", "purpose", MethodFilter, CountryFilter, "created_at")
    list_select_related = ("user",)
    fields = (*list_display, "browser", "ended_at", "error_code", "accounts")
    readonly_fields = fields
    date_hierarchy = "created_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}", "masked"]

    @admin.display(description=gettext_lazy("accounts with the same value"))
    def accounts(self, row: Verification) -> str:
        return accounts_with(row.kind, row.destination_digest)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Verification | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Verification | None = None) -> bool:
        """Return False on the pages of verifications. The page that deletes a user calls this, too."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        if match is not None and (match.url_name or "").startswith(own):
            return False
        return super().has_delete_permission(request, obj)
