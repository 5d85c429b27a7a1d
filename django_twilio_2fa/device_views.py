"""What a user has registered: the list, and the wizards that add and change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.generic import TemplateView, View

from . import errors
from .choices import Choice
from .contacts import CONTACTS
from .forms import RegistrationForm
from .models import Verification
from .pages import PageView
from .providers import provider_of
from .registered import Registered
from .views import VerificationWizardView

KINDS = {"phone_number": _lazy("Phone number"), "email": _lazy("E-mail address")}


class AddWizardView(VerificationWizardView):
    """Prove what is registered, then register something more and keep the old."""

    intent = "add"

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
            try:
                self.verifier.authorize_enrolment(self.replaces.kind if self.replaces else None)
            except errors.ProofRequired as e:
                return self.prove_first(e)
        return super().guard(step)

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
        return ", ".join(filter(None, [label, row.device_name, row.masked]))

    def cancel(self) -> HttpResponseBase:
        """Back to where the user came from: there is nothing to be had here."""
        super().cancel()
        return HttpResponseRedirect(self.get_success_url())

    def get_leave_url(self) -> str:
        return self.get_success_url()

    def over(self) -> HttpResponseBase:
        """A form that was submitted twice: its value is registered already."""
        id = self.state.get("verification")
        row = self._rows.get(id or "")
        if row is not None and row.status == "approved":
            return self.go("success")
        return super().over()

    def get_success_url(self) -> str:
        return self.get_next_url() or self.url("devices", self.home_namespace)


class ChangeWizardView(AddWizardView):
    """Prove what is registered, then register a new value in place of one device."""

    intent = "change"

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


class DevicesView(PageView, TemplateView):
    """What the user has registered; each can be changed, named or removed, and more can be added."""

    template_name = "twilio_2fa/devices.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = self.verifier.registered()
        addable = self.verifier.addable() if rows else self.verifier.registrable()
        return super().get_context_data(
            **kwargs,
            **self.page_context(),
            devices=[self.row(r) for r in rows],
            add_href=self.url("index", f"{self.namespace}:adding") if addable else "",
        )

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
            "called": name or (own.heading(str(label), registered.masked) if own and own_kind else title),
            "advice": own.advise(device) if own and device else "",
            "masked": registered.masked,
            "name": name,
            "icon": own.icon if own else "",
            "registered_at": device.registered_at if device else None,
            "change_href": self.url("index", f"{self.namespace}:changing", device=registered.id)
            if may_change
            else "",
            "removable": may_change and device is not None,
            "nameable": self.verifier.may_rename(registered),
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(request.POST.get("device", ""))
        act = {"remove": self.remove, "rename": self.rename}.get(request.POST.get("action", ""))
        if act is None or registered is None:
            return self.go("devices")
        try:
            self.say(messages.SUCCESS, act(registered))
        except errors.ProofRequired as e:
            self.say(messages.INFO, e.display)
            return HttpResponseRedirect(self.url_with_next("start", self.namespace, then=self.url("devices")))
        except errors.TwoFactorError as e:
            self.say(messages.ERROR, e.display)
        return self.go("devices")

    def remove(self, registered: Registered) -> str:
        shown = self.row(registered)
        self.verifier.remove(registered)
        return _("No longer registered: %(value)s") % {"value": shown["called"]}

    def rename(self, registered: Registered) -> str:
        found = self.verifier.rename(registered.id, self.request.POST.get("name", ""))
        return _("It is called %(name)s now.") % {"name": found.device or found.masked}
