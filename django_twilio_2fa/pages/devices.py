"""`devices/`: the list of a user's devices."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from .. import browsers, errors, session
from ..contacts import CONTACTS
from ..models.verifications import Status
from ..process import kept_post, session_data
from ..process.devices import Registered
from ..process.provider_call import answer_of
from ..process.wording import KINDS, isolated
from ..providers.installed import get_providers, provider_of
from ..providers.user_agent import shown_name
from .base import PageView


class DevicePage(PageView):
    """Base of the pages that show devices."""

    def add_href(self) -> str:
        """Return the URL of the page that adds a device. Empty if no device can be added."""
        addable = self.verifier.addable() if self.verifier.registered() else self.verifier.registrable()
        return self.url("index", f"{self.namespace}:adding") if addable else ""

    def row(self, registered: Registered) -> dict[str, Any]:
        device = registered.device
        may_change = self.verifier.may_change(registered.kind)
        own = provider_of(registered.kind)
        name = device.name if device else ""
        # The label of a device that is not a number or an address is clearer than its masked value.
        own_kind = registered.kind not in CONTACTS
        label = KINDS.get(registered.kind) or (own.label if own else registered.kind)
        title = name or (label if own_kind else registered.masked) or label
        return {
            "id": registered.id,
            "label": label,
            "title": title,
            "details": [d for d in (label, registered.masked) if d not in ("", title)],
            "called": answer_of(
                isolated(str(title)), own.get_choice_label, str(label), isolated(registered.masked)
            )
            if own and own_kind and not name
            else isolated(str(title)),
            "advice": answer_of("", own.get_device_warning, device) if own and device else "",
            "page_link": answer_of(None, own.get_device_link, device, request=self.request)
            if own and device
            else None,
            "masked": registered.masked,
            "name": name,
            "icon": own.icon if own else "",
            "last_used_at": device.last_used_at if device else None,
            "registered_at": device.registered_at if device else None,
            "change_href": self.url("index", f"{self.namespace}:changing", device=registered.id)
            if may_change
            else "",
            "remove_href": self.url("remove", device=registered.id) if may_change and device else "",
            "removable": may_change and device is not None and self.is_removable(registered),
            "nameable": self.verifier.may_rename(registered),
            "is_default": registered.default_at is not None,
            "defaultable": registered.default_at is None and self.verifier.may_be_default(registered),
        }

    def is_removable(self, registered: Registered) -> bool:
        return not self.verifier.is_last(registered) or self.verifier.may_remove_last()


class DevicesView(DevicePage, TemplateView):
    """The list of devices. Each can be replaced, renamed or removed, and more can be added.

    A verified user also sees the last verifications, and the remembered browsers, which can be forgotten.
    """

    template_name = "twilio_2fa/devices.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        devices = [self.row(r) for r in self.verifier.registered()]
        return super().get_context_data(
            **kwargs,
            **self.page_context(),
            devices=devices,
            add_href=self.add_href(),
            unfinished=self.unfinished(),
            browsers=browsers.list_browsers(self.request) if self.is_verified else [],
            activity=self.verifier.activity() if self.is_verified else [],
        )

    @cached_property
    def is_verified(self) -> bool:
        """Return whether the user may see the browsers and the last verifications, too."""
        return session.is_verified(self.request)

    def unfinished(self) -> dict[str, Any]:
        """Return link, label and masked value of a device that is not confirmed yet, or an empty dict."""
        namespace = f"{self.namespace}:adding"
        held = session_data.read_part(self.request, "wizards").get(f"twilio_2fa_{namespace}")
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
        if registered is not None and request.POST.get("action") == "remove":
            # The form of an earlier template, which did not ask for confirmation.
            return HttpResponseRedirect(self.url("remove", device=registered.id))
        try:
            for text in self.change():
                self.add_message(messages.SUCCESS, text)
        except errors.ProofRequired as e:
            return self.prove_first(e)
        except errors.MissingUserData:
            # The button was pressed twice.
            pass
        except errors.TwoFactorError as e:
            self.add_message(messages.ERROR, e.display)
        kept_post.forget_sent(request)
        return self.redirect("devices")

    def change(self) -> list[str]:
        """Run the action of the posted form. Returns the messages for the user."""
        posted = self.request.POST
        device, action = posted.get("device", ""), posted.get("action", "")
        if action == "rename":
            found = self.verifier.rename(device, posted.get("name", ""))
            return [_("Name changed to %(name)s") % {"name": isolated(str(found.device or found.masked))}]
        if action == "make_default":
            found = self.verifier.make_default(device)
            return [_("Offered first from now on: %(value)s") % {"value": self.row(found)["called"]}]
        if action in ("end_browser", "end_browsers"):
            # A missing id must not forget all browsers.
            ended = self.verifier.forget_browsers(
                (posted.get("browser") or "none") if action == "end_browser" else ""
            )
            names = [isolated(shown_name(browser.name) or _("Unknown browser")) for browser in ended]
            return [_("Browser forgotten: %(browser)s") % {"browser": name} for name in names]
        return []

    def prove_first(self, error: errors.ProofRequired) -> HttpResponse:
        """Redirect to the wizard that verifies the user. From there they can send the form again."""
        self.add_message(messages.INFO, error.display)
        back = self.url("devices")
        kept = kept_post.keep(self.request, back)
        again = f"{self.url('again')}?{urlencode({'form': kept})}" if kept else back
        return HttpResponseRedirect(self.proof_url(self.namespace, again))
