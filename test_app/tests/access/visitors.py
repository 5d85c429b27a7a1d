"""Visitors of a site whose log-in pages are `TwoFactorLoginView`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import path

from django_twilio_2fa.views import TwoFactorLoginView

from ..people import Person

TEMPLATE = "registration/login.html"


class RememberingView(TwoFactorLoginView):
    """A log-in page with "remember me"."""

    def form_valid(self, form: Any) -> Any:
        if not self.request.POST.get("remember"):
            self.request.session.set_expiry(0)
        return super().form_valid(form)


class ElsewhereView(TwoFactorLoginView):
    success_url_allowed_hosts = {"other.example"}
    next_page = "https://other.example/in/"


class OwnPageView(TwoFactorLoginView):
    """A log-in page that redirects users to a URL with their username."""

    def get_default_redirect_url(self) -> str:
        return f"/class/?who={self.request.user.get_username()}"


class StrictForm(AuthenticationForm):
    """A log-in form with its own checkbox. It refuses Ann if the box is checked."""

    remember = forms.BooleanField(required=False)

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.username == "ann" and self.cleaned_data["remember"]:
            raise ValidationError("Ann is on holiday.", code="holiday")


LOGINS = [
    path("in/", TwoFactorLoginView.as_view(template_name=TEMPLATE), name="login"),
    path("in/remembering/", RememberingView.as_view(template_name=TEMPLATE)),
    path("in/strict/", TwoFactorLoginView.as_view(template_name=TEMPLATE, authentication_form=StrictForm)),
    path("in/own-page/", OwnPageView.as_view(template_name=TEMPLATE)),
    path("in/elsewhere/", ElsewhereView.as_view(template_name=TEMPLATE)),
    path(
        "in/redirecting/",
        TwoFactorLoginView.as_view(template_name=TEMPLATE, redirect_authenticated_user=True),
    ),
]


class CarelessBackend(ModelBackend):
    """A backend that also returns users who may not sign in."""

    def get_user(self, user_id: Any) -> Any:
        return get_user_model().objects.filter(pk=user_id).first()


class Visitor(Person):
    """A person who has not signed in."""

    def __init__(self, username: str) -> None:
        super().__init__(username)
        self.client = Client()

    def signs_in(self, at: str = "/in/", **data: str) -> Visitor:
        told = {"username": self.user.username, "password": self.user.username, **data}
        self.page = self.client.post(at, told, follow=True)
        return self

    @property
    def is_signed_in(self) -> bool:
        request = self.client.get("/open/").wsgi_request
        return bool(request.user.is_authenticated)
