"""What a user has registered: the list, and the wizards that add and change."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import TemplateView, View

from .. import errors
from ..contacts import CONTACTS, Contact
from ..forms import RegistrationForm
from ..installed import provider_of
from ..models import Verification
from ..process.devices import Registered
from ..process.methods import Choice
from ..process.wording import KINDS, isolated
from .base import PageView
from .wizard import VerificationWizardView


class AddWizardView(VerificationWizardView):
    """Prove what is registered, then register something more and keep the old."""

    intent: ClassVar[str] = "add"

    @property
    def home_namespace(self) -> str:
        return self.namespace.rpartition(":")[0] or self.namespace

    @cached_property
    def is_registration(self) -> bool:
        return True

    def is_optional(self) -> bool:
        return False

    @cached_property
    def replaces(self) -> Registered | None:
        """What the new value takes the place of."""
        return None

    def guard(self, step: str) -> HttpResponseBase | None:
        if not self.verifier.registered():
            # A first registration is the other wizard's.
            return HttpResponseRedirect(self.url("index", self.home_namespace))
        if step != "verify":
            if self.is_full():
                self.say(messages.ERROR, errors.TooManyDevices().display)
                return HttpResponseRedirect(self.url("devices", self.home_namespace))
            try:
                self.verifier.authorize_enrolment(self.replaces.kind if self.replaces else None)
            except errors.ProofRequired as e:
                return self.prove_first(e)
        return super().guard(step)

    def is_full(self) -> bool:
        """Whether there is nothing to add but for what the user has as many of as they may."""
        return self.replaces is None and not self.choices and bool(self.verifier.too_many())

    def prove_first(self, error: errors.ProofRequired) -> HttpResponseBase:
        """Through the wizard that proves, and back here."""
        self.say(messages.INFO, error.display)
        return HttpResponseRedirect(self.url_with_next("start", self.home_namespace, then=self.url("index")))

    def require_choices(self) -> None:
        if not self.choices:
            raise errors.NoMethodAvailable

    def get_choices(self) -> list[Choice]:
        return [Choice(p) for p in self.verifier.addable() if self.methods is None or p.name in self.methods]

    def takes(self, row: Verification) -> bool:
        return row.proof_id is not None

    def send_registration(self, provider: Any, form: RegistrationForm) -> Verification:
        return self.verifier.send(
            provider.name, to=form.contact, replaces=self.replaces, enrol=True, name=form.device_name
        )

    def register_context(self) -> dict[str, Any]:
        replaces = self.replaces.masked if self.replaces else ""
        return {**super().register_context(), "intent": self.intent, "replaces": replaces}

    def remember_verified(self, row: Verification) -> None:
        self.say(messages.SUCCESS, _("Registered: %(value)s") % {"value": self.called(row)})
        super().remember_verified(row)

    def called(self, row: Verification) -> str:
        """What has been registered, as its user knows it."""
        label = "" if row.kind in CONTACTS else str(self.display(row.method)["label"])
        about = (row.device_name, row.masked)
        return ", ".join(filter(None, [label, *map(isolated, about)]))

    def cancel(self) -> HttpResponseBase:
        """Back to where the user came from: there is nothing to be had here."""
        super().cancel()
        return HttpResponseRedirect(self.get_success_url())

    def get_leave_url(self) -> str:
        return self.get_success_url()

    def over(self, row: Verification | None = None, to: Contact | None = None) -> HttpResponseBase:
        """A form that was submitted twice: its value is registered already."""
        found = row or self._rows.get(self.state.get("verification") or "")
        if found is not None and found.status == "approved":
            return self.go("success")
        return super().over(row, to)

    def get_success_url(self) -> str:
        return self.get_next_url() or self.url("devices", self.home_namespace)


class ChangeWizardView(AddWizardView):
    """Prove what is registered, then register a new value in place of one device."""

    intent: ClassVar[str] = "change"

    @cached_property
    def replaces(self) -> Registered | None:
        return self.verifier.find_registered(self.kwargs["device"])

    def guard(self, step: str) -> HttpResponseBase | None:
        if self.replaces is None and self.verifier.registered():
            return HttpResponseRedirect(self.url("devices", self.home_namespace))
        return super().guard(step)

    def get_choices(self) -> list[Choice]:
        if self.replaces is None:
            return []
        options = self.verifier.registrable(self.replaces.kind)
        return [Choice(p) for p in options if self.methods is None or p.name in self.methods]

    def get_page_name(self) -> str:
        return "change" if self.step == "register" else super().get_page_name()


class ChangeView(PageView, View):
    """Changes the user's only device; where there are several, they pick one from the list."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        rows = self.verifier.registered()
        if not rows:
            return self.go("index")
        if len(rows) > 1:
            return self.go("devices")
        return HttpResponseRedirect(self.url("index", f"{self.namespace}:changing", device=rows[0].id))

    # A form of 0.32's that posts here is asked again where its value can be taken.
    post = get


class DevicePage(PageView):
    """Base of the pages that show what is registered."""

    def add_href(self) -> str:
        """Return the address of the page that adds a device; empty if none can be added."""
        addable = self.verifier.addable() if self.verifier.registered() else self.verifier.registrable()
        return self.url("index", f"{self.namespace}:adding") if addable else ""

    def row(self, registered: Registered) -> dict[str, Any]:
        device = registered.device
        may_change = bool(self.verifier.resolve("ALLOW_CHANGE", field=registered.kind))
        own = provider_of(registered.kind)
        name = device.name if device else ""
        # Of what is no number and no address the label says more than what is masked.
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
    """What the user has registered; each can be changed, named or removed, and more can be added."""

    template_name = "twilio_2fa/devices.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        devices = [self.row(r) for r in self.verifier.registered()]
        return super().get_context_data(
            **kwargs,
            **self.page_context(),
            devices=devices,
            add_href=self.add_href(),
            site_href=self.get_site_url(),
            sign_out_href=self.get_sign_out_url(),
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(request.POST.get("device", ""))
        action = request.POST.get("action", "")
        if registered is not None and action == "remove":
            # A form of an earlier template; its user is asked first.
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


class RemoveView(DevicePage, TemplateView):
    """Asks whether a device is to be removed, once its user has proven what they have, and removes it."""

    template_name = "twilio_2fa/remove.html"

    refused = ""
    """Why it cannot be removed, to be said on the page."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(kwargs["device"])
        if registered is None:
            return self.go("devices")
        try:
            self.verifier.refuse_removal(registered)
            if self.verifier.fresh_proof() is None:
                return self.prove_first(errors.ProofRequired())
        except errors.LastDevice as e:
            self.refused = e.display
        except errors.TwoFactorError as e:
            self.say(messages.ERROR, e.display)
            return self.go("devices")
        return self.render_to_response(self.get_context_data(registered=registered))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(kwargs["device"])
        if registered is None:
            # As when the button was pressed twice.
            return HttpResponseRedirect(self.get_success_url())
        shown = self.row(registered)
        goes_too = [self.row(r)["label"] for r in self.goes_too(registered)]
        try:
            self.verifier.remove(registered)
        except errors.ProofRequired as e:
            return self.prove_first(e)
        except errors.LastDevice:
            # It has become the last one while the page was open: the page says so.
            return HttpResponseRedirect(self.url("remove", device=registered.id))
        except errors.TwoFactorError as e:
            self.say(messages.ERROR, e.display)
            return self.go("devices")
        for value in (shown["called"], *goes_too):
            self.say(messages.SUCCESS, _("No longer registered: %(value)s") % {"value": value})
        return HttpResponseRedirect(self.get_success_url())

    def prove_first(self, error: errors.ProofRequired) -> HttpResponse:
        """Through the wizard that proves, and back to the question."""
        self.say(messages.INFO, error.display)
        back = self.url("remove", device=self.kwargs["device"])
        return HttpResponseRedirect(self.url_with_next("start", then=back))

    def goes_too(self, registered: Registered) -> list[Registered]:
        """What stands in for it and for nothing else, so that it is removed with it."""
        if not self.verifier.is_last(registered):
            return []
        return [r for r in self.verifier.registered() if r.id != registered.id]

    def get_success_url(self) -> str:
        return self.get_next_url() or self.url("devices")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        registered: Registered = kwargs.pop("registered")
        return super().get_context_data(
            **kwargs,
            **self.page_context(),
            device=self.row(registered),
            refused=self.refused,
            is_last=self.verifier.is_last(registered),
            goes_too=[self.row(r) for r in self.goes_too(registered)],
            add_href=self.add_href(),
            leave_href=self.get_success_url(),
        )
