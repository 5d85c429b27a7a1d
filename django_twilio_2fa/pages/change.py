"""`change/`: the URL that redirects to the page where the user replaces a device."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.generic import View

from .base import PageView


class ChangeView(PageView, View):
    """Redirect to the wizard that replaces the user's only device, or to the list of devices."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        rows = self.verifier.registered()
        if not rows:
            return self.redirect("index")
        if len(rows) > 1:
            return self.redirect("devices")
        return HttpResponseRedirect(self.url("index", f"{self.namespace}:changing", device=rows[0].id))

    # The forms of 0.32 post here.
    post = get
