"""The URLs of the site: a sign-in page, a page that requires verification, and this package."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.views import View

from django_twilio_2fa.access import TwoFactorRequiredMixin


class SignInView(LoginView):
    def render_to_response(self, context: Any, **kwargs: Any) -> Any:
        return HttpResponse(
            '<form method="post"><input type="hidden" name="csrfmiddlewaretoken" '
            f'value="{get_token(self.request)}">'
            '<input name="username"><input name="password"></form>'
        )


class GateView(TwoFactorRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("The owl flies at midnight.")


urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("secret/", GateView.as_view(), name="secret"),
    path("2fa/", include("django_twilio_2fa.urls")),
]
