"""The demo's own pages: one for everybody, and one that needs verification."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView
from django.views.generic import TemplateView

from django_twilio_2fa.access import TwoFactorRequiredMixin
from django_twilio_2fa.session import get_verification

from . import PEOPLE


class SignInView(LoginView):
    """Says which users there are, which only a demo should."""

    extra_context = {"people": PEOPLE}
    redirect_authenticated_user = True


class HomeView(TemplateView):
    """Who is signed in, and whether, how and when they were verified."""

    template_name = "demo/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **kwargs,
            verification=get_verification(self.request),
            sandbox=settings.TWILIO_2FA_SANDBOX,
        )


class SecretView(TwoFactorRequiredMixin, TemplateView):
    """What only a verified user gets to see."""

    template_name = "demo/secret.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, verification=get_verification(self.request))
