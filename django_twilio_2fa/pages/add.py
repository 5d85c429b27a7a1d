"""The wizards that add a device (`add/`) and that replace a device (`change/<device>/`)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import messages
from django.http import HttpResponseBase, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from .. import errors
from ..contacts import CONTACTS, Contact
from ..models.verifications import Verification
from ..process.choices import Choice
from ..process.devices import Registered
from ..process.wording import isolated
from .step import Step, display
from .verify import VerifyStep
from .wizard import VerificationWizardView


class VerifyAddedStep(VerifyStep):
    """The step that checks the token that was sent to a new device."""

    def remember(self, row: Verification) -> None:
        self.wizard.add_message(messages.SUCCESS, _("Added: %(value)s") % {"value": self.called(row)})
        super().remember(row)

    def called(self, row: Verification) -> str:
        """Return the text by which the user knows the new device."""
        label = "" if row.kind in CONTACTS else str(display(self.wizard, row.method)["label"])
        return errors.listed(label, isolated(row.device_name), isolated(row.masked))

    def cancel(self) -> HttpResponseBase:
        """Cancel the registration, and redirect to the page that the user came from."""
        super().cancel()
        return HttpResponseRedirect(self.wizard.get_success_url())

    def over(self, row: Verification | None = None, to: Contact | None = None) -> HttpResponseBase:
        found = row or self.wizard.pending.known(self.state.get("verification"))
        if found is not None and found.status == "approved":
            # The form was submitted twice, and the device is registered already.
            return self.wizard.redirect("success")
        return super().over(row, to)


class AddWizardView(VerificationWizardView):
    """The wizard that adds a device, after the user has verified with an existing one."""

    intent: ClassVar[str] = "add"
    takes_signing_in: ClassVar[bool] = False
    adds: ClassVar[bool] = True
    step_classes: ClassVar[dict[str, type[Step]]] = {
        **VerificationWizardView.step_classes,
        "verify": VerifyAddedStep,
    }

    @property
    def home_namespace(self) -> str:
        return self.namespace.rpartition(":")[0] or self.namespace

    @cached_property
    def is_registration(self) -> bool:
        return True

    def is_optional(self) -> bool:
        return False

    def guard(self, step: str) -> HttpResponseBase | None:
        if not self.verifier.registered():
            # The main wizard registers the first device.
            return HttpResponseRedirect(self.url("index", self.home_namespace))
        if step != "verify":
            if self.is_full():
                self.add_message(messages.ERROR, errors.TooManyDevices().display)
                return HttpResponseRedirect(self.url("devices", self.home_namespace))
            try:
                self.verifier.authorize_enrolment(self.replaces.kind if self.replaces else None)
            except errors.ProofRequired as e:
                return self.prove_first(e)
        return super().guard(step)

    def is_full(self) -> bool:
        """Return whether the user has as many devices as they may have."""
        return self.replaces is None and not self.choices and bool(self.verifier.too_many())

    def prove_first(self, error: errors.ProofRequired) -> HttpResponseBase:
        """Redirect to the wizard that verifies the user. From there they come back to this page."""
        self.add_message(messages.INFO, error.display)
        return HttpResponseRedirect(self.proof_url(self.home_namespace, self.url("index")))

    def require_choices(self) -> None:
        if not self.choices:
            raise errors.NoMethodAvailable

    def get_choices(self) -> list[Choice]:
        return [Choice(p) for p in self.verifier.addable() if self.methods is None or p.name in self.methods]

    def get_leave_url(self) -> str:
        return self.get_success_url()

    def get_success_url(self) -> str:
        return self.get_next_url() or self.url("devices", self.home_namespace)


class ChangeWizardView(AddWizardView):
    """The wizard that replaces a device with a new one, after the user has verified."""

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
