"""Guarded pages in a session with an unfinished verification, or one that the site's code verified."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from demo.urls import urlpatterns as demo_patterns
from django import forms
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from django_twilio_2fa.access import two_factor_required
from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.views import TwoFactorLoginView, VerificationWizardView

from ..helpers import wrong_code
from ..people import NAVIGATION, PHONE, Person

SECRET = "/secret/"
NEW_PHONE = "+12025550147"


@two_factor_required(methods=["call"])
def by_call(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<main>called</main>")


class AskingLoginView(TwoFactorLoginView):
    """A log-in page that leads only some users to the wizard."""

    template_name = "registration/login.html"

    def form_valid(self, form: Any) -> Any:
        self.user = form.get_user()
        return super().form_valid(form)

    def get_verification_url(self, to: str) -> str:
        return super().get_verification_url(to) if self.needs_verification(self.user) else to


class NoteForm(forms.Form):
    note = forms.CharField()


class NoStartWizard(VerificationWizardView):
    form_list = [("note", NoteForm), VerificationWizardView.form_list[2]]


urlpatterns = [*demo_patterns, path("by-call/", by_call), path("asking/", AskingLoginView.as_view())]
WITHOUT_START: Any = ModuleType("without_start")
WITHOUT_START.urlpatterns = [
    path("2fa/", include(NoStartWizard.urls(), namespace="twilio_2fa")),
    *(pattern for pattern in demo_patterns if getattr(pattern, "app_name", "") != "twilio_2fa"),
]


def walks(person: Person, page: str) -> Person:
    """Open a page and follow redirects as a browser does. The test client refuses to open a URL twice."""
    for _ in range(12):
        person.page = person.client.get(page, **NAVIGATION)
        if person.page.status_code != 302:
            return person
        page = person.page["Location"] or page
    raise AssertionError(f"an endless redirect to {page}")


def test_an_unfinished_registration_ends_with_another_sessions(demo: Person) -> None:
    demo.navigates(SECRET).picks("sms").registers("202 555 0147")
    other = Person("demo").navigates(SECRET).picks("sms").registers()
    assert other.types_the_code().is_verified
    assert "0147" not in walks(demo, SECRET).text
    assert demo.types_the_code().path == SECRET


def test_an_unconfirmed_app_is_dropped_once_a_phone_is_added(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp"]
    demo.opens("start").picks("totp").posts(name="")
    register_device(demo.user, PHONE)
    assert "Set up" not in walks(demo, SECRET).text


def test_a_replaced_phone_is_not_asked_for_its_pending_code(pat: Person) -> None:
    pat.opens("start").picks("sms")
    Device.objects.filter(user=pat.user).delete()
    register_device(pat.user, NEW_PHONE)
    assert "0143" not in walks(pat, SECRET).text
    assert pat.has_got(NEW_PHONE) == 1


def test_a_new_code_is_shown_without_the_old_attempts_error(pat: Person, later: Any) -> None:
    pat.opens("start").picks("sms")
    for _ in range(5):
        pat.posts("verify", token=wrong_code(messages.last_code(PHONE)))
    later(4000)
    assert walks(pat, SECRET).is_at("verify")
    assert "too many times" not in pat.text
    assert pat.has_got() == 2


def test_a_new_code_is_shown_without_an_error_about_a_used_code(pat: Person) -> None:
    pat.opens("start").picks("sms")
    assert Person("pat").opens("start").picks("sms").types_the_code().is_verified
    assert "expired or has been used" not in walks(pat, SECRET).text
    assert pat.has_got() == 2


@pytest.mark.urls(__name__)
def test_a_view_for_calls_only_replaces_a_pending_text_message(pat: Person, later: Any) -> None:
    pat.opens("start").picks("sms")
    later(40)
    assert walks(pat, "/by-call/").is_at("verify")
    assert "expired or has been used" not in pat.text
    assert messages.delivered(PHONE)[0]["channel"] == "call"


def test_a_guarded_page_replaces_an_expired_code(pat: Person, later: Any) -> None:
    pat.opens("start").picks("sms")
    later(3600)
    assert walks(pat, SECRET).types_the_code().path == SECRET


def test_a_wizard_without_start_begins_at_its_first_page(pat: Person, settings: Any) -> None:
    settings.ROOT_URLCONF = WITHOUT_START
    assert walks(pat, SECRET).path == "/2fa/note/"
    pat.posts(note="x")
    for page in (SECRET, "/2fa/verify/"):
        assert walks(pat, page).path == "/2fa/note/"
    assert pat.has_got() == 0


@pytest.mark.urls(__name__)
def test_a_log_in_page_may_call_needs_verification_again(pat: Person) -> None:
    data = {"username": "pat", "password": "pat", "next": SECRET}
    answer = Client().post("/asking/", data, **NAVIGATION)
    assert answer["Location"] == "/2fa/verify/?next=%2Fsecret%2F"


def test_a_session_verified_from_python_is_sent_no_code(pat: Person) -> None:
    verifier = pat.verifier
    verifier.check(verifier.send("sms"), messages.last_code(PHONE))
    assert pat.navigates("verify").is_at("success")
    assert pat.posts("verify", token="123456").is_at("success")
    assert pat.has_got() == 1
