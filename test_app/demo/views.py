"""The demo's own pages. Some of them require verification."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView
from drf_spectacular.utils import extend_schema
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_twilio_2fa.access import TwoFactorRequiredMixin, two_factor_required
from django_twilio_2fa.api.permissions import IsTwoFactorVerified
from django_twilio_2fa.providers.installed import get_providers
from django_twilio_2fa.session import get_verification
from django_twilio_2fa.state import get_two_factor
from django_twilio_2fa.views import TwoFactorLoginView

from . import PEOPLE
from .dresses import COOKIE, DRESSES


class SignInView(LoginView):
    """A log-in page that lists the users, as only a demo should."""

    extra_context = {"people": PEOPLE}
    redirect_authenticated_user = True


class VerifiedSignInView(TwoFactorLoginView):
    """A log-in page that signs users in only after they have verified."""

    template_name = "registration/login.html"
    extra_context = {"people": PEOPLE, "verifies": True}


class PageView(TemplateView):
    """A page that shows whether, how and when the session was verified, without a query."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        state = get_two_factor(self.request)
        provider = get_providers().get(state.method)
        how = (
            provider.display(user=self.request.user, request=self.request)["label"]
            if provider
            else state.method
        )
        context = {"two_factor": state, "how": how, "sandbox": settings.TWILIO_2FA_SANDBOX}
        return super().get_context_data(**context, **kwargs)


class HomeView(PageView):
    """The home page, which also shows where the code was sent."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(verification=get_verification(self.request), **kwargs)

    template_name = "demo/home.html"


class TokenView(ObtainAuthToken):
    """Create a new token at each log-in, because a reused token would still be verified."""

    schema = None

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        Token.objects.filter(user=asked.validated_data["user"]).delete()
        return super().post(request, *args, **kwargs)


class VerifiedOnlyView(APIView):
    """An endpoint of the demo for verified users only."""

    permission_classes = (IsTwoFactorVerified,)

    @extend_schema(responses={200: dict[str, str], 403: dict[str, str]})
    def get(self, request: Request) -> Response:
        return Response({"secret": "The owl flies at midnight."})


@method_decorator(ensure_csrf_cookie, name="dispatch")
class APIDemoView(TemplateView):
    """A page of plain JavaScript that signs in and verifies over the API."""

    template_name = "demo/api.html"


@require_POST
def dress(request: HttpRequest) -> HttpResponse:
    """Pick the theme of the pages."""
    response = redirect("home")
    name = request.POST.get("dress", "")
    response.set_cookie(COOKIE, name if name in DRESSES else "", httponly=True, samesite="Lax")
    return response


class MailView(TemplateView):
    """The e-mails that this process has sent."""

    template_name = "demo/mail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(mails=reversed(getattr(mail, "outbox", [])), **kwargs)


@two_factor_required(max_age=60)
def transfer(request: HttpRequest) -> HttpResponse:
    """Require a verification within the last minute. A form that was sent without one is not lost."""
    if request.method == "POST":
        messages.success(request, f"Sent: {request.POST.get('amount', '')[:20]}")
        return redirect("transfer")
    return render(request, "demo/transfer.html")


@two_factor_required(methods=["totp", "passkey"])
def keys(request: HttpRequest) -> HttpResponse:
    """Require a stronger method than a text message."""
    return render(request, "demo/shown.html", {"title": "Keys", "asks": "an authenticator app or a passkey"})


@two_factor_required(if_registered=True)
def profile(request: HttpRequest) -> HttpResponse:
    """Require verification only of users who have registered a device."""
    return render(request, "demo/shown.html", {"title": "Profile", "asks": "a code if you have set one up"})


class SecretView(TwoFactorRequiredMixin, PageView):
    template_name = "demo/secret.html"
