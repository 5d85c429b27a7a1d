"""Admin filters. Their choices come from the settings, so they need no query."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..models.devices import Device


class FieldFilter(admin.SimpleListFilter):
    """Filter by the field that has the name of the parameter."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class MethodFilter(FieldFilter):
    title = _("method")
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        from ..providers.installed import get_providers

        return [(name, provider.label) for name, provider in get_providers().items()]


class CountryFilter(FieldFilter):
    title = _("country")
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        from ..contacts import countries

        about = {"user": request.user, "request": request}
        allowed = conf.resolve("PHONE_NUMBER_ALLOWED_COUNTRIES", **about)
        disallowed = conf.resolve("PHONE_NUMBER_DISALLOWED_COUNTRIES", **about)
        return [(code, name) for code, name, _calling in countries(allowed, disallowed)]


class AccountsFilter(admin.SimpleListFilter):
    """Show only devices whose number or address is registered for more than one account."""

    title = _("accounts")
    parameter_name = "accounts"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("several", _("several with the same value"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "several":
            return queryset
        same = Device.objects.filter(kind=OuterRef("kind"), digest=OuterRef("digest"))
        return queryset.filter(Exists(same.exclude(user=OuterRef("user"))))
