"""The list of what a user has registered: `devices/`."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from .. import errors, session
from ..contacts import CONTACTS
from ..installed import get_providers, provider_of
from ..models import Status
from ..process.devices import Registered
from ..process.wording import KINDS, isolated
from .base import PageView


class DevicePage(PageView):
    """Base of the pages that show what is registered."""

    def add_href(self) -> str:
        """Return the address of the page that adds a device; empty if none can be added."""
        addable = self.verifier.addable() if self.verifier.registered() else self.verifier.registrable()
        return self.url("index", f"{self.namespace}:adding") if addable else ""

    def row(self, registered: Registered) -> dict[str, Any]:
        device = registered.device
        may_change = self.verifier.may_change(registered.kind)
        own = provider_of(registered.kind)
        name = device.name if device else ""
        # For other devices than numbers and addresses the label says more than the masked value.
        own_kind = registered.kind not in CONTACTS
        label = KINDS.get(registered.kind) or (own.label if own else registered.kind)
        title = name or (label if own_kind else registered.masked) or label
        return {
            "id": registered.id,
            "label": label,
            "title": title,
            "details": [d for d in (label, registered.masked) if d not in ("", title)],
            "called": own.heading(str(label), isolated(registered.masked))
            if own and own_kind and not name
            else isolated(str(title)),
            "advice": own.advise(device) if own and device else "",
            "masked": registered.masked,
            "name": name,
            "icon": own.icon if own else "",
            "registered_at": device.registered_at if device else None,
            "change_href": self.url("index", f"{self.namespace}:changing", device=registered.id)
            if may_change
            else "",
            "remove_href": self.url("remove", device=registered.id) if may_change and device else "",
            "removable": may_change and device is not None and self.is_removable(registered),
            "nameable": self.verifier.may_rename(registered),
        }

    def is_removable(self, registered: Registered) -> bool:
        return not self.verifier.is_last(registered) or self.verifier.may_remove_last()


class DevicesView(DevicePage, TemplateView):
    """Lists the devices. Each can be changed, renamed or removed, and more can be added."""

    template_name = "twilio_2fa/devices.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        devices = [self.row(r) for r in self.verifier.registered()]
        return super().get_context_data(
            **kwargs,
            **self.page_context(),
            devices=devices,
            add_href=self.add_href(),
            unfinished=self.unfinished(),
            site_href=self.get_site_url(),
            sign_out_href=self.get_sign_out_url(),
        )

    def unfinished(self) -> dict[str, Any]:
        """Return the address and name of an addition that is not confirmed yet. Empty if there is none."""
        namespace = f"{self.namespace}:adding"
        held = session.read_part(self.request, "wizards").get(f"twilio_2fa_{namespace}")
        id = held.get("verification") if isinstance(held, dict) else None
        if not id:
            return {}
        try:
            row = self.verifier.get(id)
        except errors.VerificationNotFound:
            return {}
        provider = get_providers().get(row.method)
        if row.status != Status.PENDING or provider is None:
            return {}
        label = provider.display(user=self.verifier.user, request=self.request)["label"]
        return {"href": self.url("verify", namespace), "label": label, "masked": row.masked}

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(request.POST.get("device", ""))
        action = request.POST.get("action", "")
        if registered is not None and action == "remove":
            # The form of an earlier template, which did not ask first.
            return HttpResponseRedirect(self.url("remove", device=registered.id))
        if registered is None or action != "rename":
            return self.go("devices")
        try:
            self.say(messages.SUCCESS, self.rename(registered))
        except errors.TwoFactorError as e:
            self.say(messages.ERROR, e.display)
        return self.go("devices")

    def rename(self, registered: Registered) -> str:
        found = self.verifier.rename(registered.id, self.request.POST.get("name", ""))
        return _("It is called %(name)s now.") % {"name": isolated(str(found.device or found.masked))}
