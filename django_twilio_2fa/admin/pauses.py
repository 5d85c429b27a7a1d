"""The admin page of pauses of sending."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import moments
from ..models.pauses import Pause


class PauseForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a pause: what is paused, for how long, and why."""

    method = forms.ChoiceField(label=gettext_lazy("method"), required=False)
    country = forms.ChoiceField(label=gettext_lazy("country"), required=False)
    registrations = forms.BooleanField(
        label=gettext_lazy("only registrations"),
        required=False,
        help_text=gettext_lazy("Users go on signing in with what they have registered."),
    )
    ends = forms.SplitDateTimeField(
        label=gettext_lazy("ends"),
        required=False,
        widget=AdminSplitDateTime,
        help_text=gettext_lazy("Leave empty to pause until somebody ends it."),
    )
    reason = forms.CharField(label=gettext_lazy("reason"), required=False, max_length=200)

    class Meta:
        model = Pause
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Imported here because Django loads this module when it starts.
        from ..contacts import countries
        from ..providers.installed import get_providers

        senders = [(name, str(p.label)) for name, p in get_providers().items() if p.sends]
        self.fields["method"].choices = [("", _("all methods")), *senders]  # type: ignore[attr-defined]
        codes = [(code, name) for code, name, _calling in countries(None, None)]
        self.fields["country"].choices = [("", _("all countries")), *codes]  # type: ignore[attr-defined]

    def clean_ends(self) -> Any:
        ends = self.cleaned_data["ends"]
        if ends is not None and ends <= timezone.now():
            raise forms.ValidationError(_("Enter a time in the future."))
        return ends


class PauseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The page to begin, end and extend pauses. A change applies to the next send, on all servers."""

    form = PauseForm
    list_display = ("what", "where", "which", "reason", "by", "began", "ends", "lasts")
    list_display_links = None
    actions = ("end", "extend")
    ordering = ("-until", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pause]:
        return Pause.objects.get_queryset().order_by(*self.ordering)

    @admin.display(description=gettext_lazy("method"))
    def what(self, row: Pause) -> str:
        return row.method or _("all methods")

    @admin.display(description=gettext_lazy("to"))
    def where(self, row: Pause) -> str:
        from ..process import places

        return places.shown(row.place) if row.place else _("all countries")

    @admin.display(description=gettext_lazy("only registrations"), boolean=True)
    def which(self, row: Pause) -> bool:
        return row.registrations

    # Without `USE_TZ`, Django shows a datetime unchanged, so it is converted to the time zone of the site.

    def began(self, row: Pause) -> datetime | None:
        return moments.stored(row.began) if row.began else None

    def ends(self, row: Pause) -> datetime | None:
        return moments.stored(row.ends) if row.ends else None

    @admin.display(description=gettext_lazy("lasts"), boolean=True)
    def lasts(self, row: Pause) -> bool:
        return row.until > time.time()

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # A single pause has no page on which to continue editing.
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), "show_save_and_continue": False}
        return super().add_view(request, *args, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Pause | None = None) -> bool:
        """Return whether pauses may be ended and extended. A single pause has no page."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Pause | None = None) -> bool:
        """Return False: if a pause of the breaker were deleted, the breaker would begin it again."""
        return False

    def save_model(self, request: HttpRequest, obj: Pause, form: Any, change: bool) -> None:
        from ..process import pauses

        told = form.cleaned_data
        until = int(moments.aware(told["ends"]).timestamp()) if told["ends"] else Pause.FOR_EVER
        row = pauses.pause(
            told["method"],
            told["country"],
            registrations=told["registrations"],
            until=until,
            reason=told["reason"],
            by=pauses.ADMIN,
        )
        obj.pk, obj.key, obj.scope = row.pk, row.key, row.scope

    @admin.action(description=gettext_lazy("End the selected pauses"), permissions=("change",))
    def end(self, request: HttpRequest, queryset: QuerySet[Pause]) -> None:
        from ..process import pauses

        ended = pauses.resume(queryset, by=pauses.ADMIN)
        for row in ended:
            self.log_change(request, row, _("Ended."))
        n = len(ended)
        self.message_user(request, ngettext("%d pause was ended.", "%d pauses were ended.", n) % n)

    @admin.action(description=gettext_lazy("Extend the selected pauses by a day"), permissions=("change",))
    def extend(self, request: HttpRequest, queryset: QuerySet[Pause]) -> None:
        from ..process import pauses

        n = 0
        for row in queryset.exclude(until=Pause.FOR_EVER):
            if pauses.extend(row, row.until + 86400, by=pauses.ADMIN):
                self.log_change(request, row, _("Extended by a day."))
                n += 1
        self.message_user(request, ngettext("%d pause was extended.", "%d pauses were extended.", n) % n)
