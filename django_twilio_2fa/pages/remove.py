"""`remove/`: the page that removes a device."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from .. import errors
from ..process.devices import Registered
from .devices import DevicePage


class RemoveView(DevicePage, TemplateView):
    """The page that asks a verified user to confirm the removal of a device, and removes it on POST."""

    template_name = "twilio_2fa/remove.html"

    refused = ""
    """The reason why the device cannot be removed. Shown on the page."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(kwargs["device"])
        if registered is None:
            return self.redirect("devices")
        try:
            self.verifier.refuse_removal(registered)
            if self.verifier.fresh_proof() is None:
                return self.prove_first(errors.ProofRequired())
        except errors.LastDevice as e:
            self.refused = e.display
        except errors.TwoFactorError as e:
            self.add_message(messages.ERROR, e.display)
            return self.redirect("devices")
        return self.render_to_response(self.get_context_data(registered=registered))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        registered = self.verifier.find_registered(kwargs["device"])
        if registered is None:
            # The button was pressed twice.
            return HttpResponseRedirect(self.get_success_url())
        shown = self.row(registered)
        goes_too = [self.row(r)["label"] for r in self.goes_too(registered)]
        try:
            self.verifier.remove(registered)
        except errors.ProofRequired as e:
            return self.prove_first(e)
        except errors.LastDevice:
            # It has become the last device while the page was open. The page then says so.
            return HttpResponseRedirect(self.url("remove", device=registered.id))
        except errors.TwoFactorError as e:
            self.add_message(messages.ERROR, e.display)
            return self.redirect("devices")
        for value in (shown["called"], *goes_too):
            self.add_message(messages.SUCCESS, _("Removed: %(value)s") % {"value": value})
        return HttpResponseRedirect(self.get_success_url())

    def prove_first(self, error: errors.ProofRequired) -> HttpResponse:
        """Redirect to the wizard that verifies the user. From there they come back to this page."""
        self.add_message(messages.INFO, error.display)
        back = self.url("remove", device=self.kwargs["device"])
        return HttpResponseRedirect(self.proof_url(self.namespace, back))

    def goes_too(self, registered: Registered) -> list[Registered]:
        """Return the backups that are removed together with the last device."""
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
