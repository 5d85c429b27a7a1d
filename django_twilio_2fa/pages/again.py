"""`again/`: the page to submit a form again that was refused because its user had to verify first."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.generic import TemplateView

from ..process import kept_post
from .base import PageView


class SendAgainView(PageView, TemplateView):
    """The page with a button that submits the form. The form is not submitted without it."""

    template_name = "twilio_2fa/again.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = kept_post.read(request, request.GET.get("form", ""))
        if form is None:
            return HttpResponseRedirect(self.get_site_url())
        fields = [(name, value) for name, values in form["fields"].items() for value in values]
        context = {**self.page_context(), "action": form["path"], "back": form["back"], "fields": fields}
        return self.render_to_response(context)
