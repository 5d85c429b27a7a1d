"""Admin actions for the users of the selected rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..managers import users

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object


class TwoFactorUserActions(Base):
    """A mixin with admin actions that unlock users, and that end their verification in every session.

    Put it before `ModelAdmin` in the bases of the page for your users, or for a model with a `user`. The
    actions need the permission to change devices.
    """

    actions = ("unlock", "end_verification")

    def has_administer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the actions."""
        return bool(request.user.has_perm("twilio_2fa.change_device"))

    def owners(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the users of the selected rows."""
        key = "pk" if queryset.model is get_user_model() else "user"
        return users().filter(pk__in=queryset.order_by().values(key))

    @admin.action(
        description=gettext_lazy("Unlock the users of the selected rows"), permissions=("administer",)
    )
    def unlock(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # Imported here because Django loads this module when it starts.
        from ..process import administration

        n = 0
        for user in self.owners(queryset):
            n += administration.unlock(user, request)
            self.log_change(request, user, _("Two-factor verification: unlocked."))
        self.message_user(
            request, ngettext("%(n)d lock was lifted.", "%(n)d locks were lifted.", n) % {"n": n}
        )

    @admin.action(
        description=gettext_lazy("End verification everywhere for the users of the selected rows"),
        permissions=("administer",),
    )
    def end_verification(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        from ..process import administration

        owners = list(self.owners(queryset))
        n = len(owners)
        for user in owners:
            administration.revoke(user, request)
            self.log_change(request, user, _("Two-factor verification: ended in every session."))
        text = ngettext("%(n)d user has to verify again.", "%(n)d users have to verify again.", n) % {"n": n}
        self.message_user(request, text, messages.SUCCESS)
