"""The pages that change a device: `change/`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.functional import cached_property
from django.views.generic import View

from ..process.devices import Registered
from ..process.methods import Choice
from .add import AddWizardView
from .base import PageView


class ChangeWizardView(AddWizardView):
    """Registers a new value in place of one device, after the user has verified."""

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
