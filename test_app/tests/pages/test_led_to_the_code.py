"""Redirects of users with one device straight to the verify page, which sends the code."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from demo.urls import urlpatterns as demo_patterns
from django.test import Client
from django.urls import include, path

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.process import lockout
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import verify
from django_twilio_2fa.views import VerificationWizardView

from ..browsers.people import signs_in_again
from ..people import EMAIL, NAVIGATION, PHONE, Person

SECRET = "/secret/"
texts = VerificationWizardView.urls(methods=("sms",))
urlpatterns = [*demo_patterns, path("texts/", include(texts, namespace="texts"))]
VERIFY = "/2fa/verify/"
NEW_PHONE = "+12025550147"

NOT_BY_A_PERSON = [
    {},
    {**NAVIGATION, "HTTP_SEC_FETCH_SITE": "cross-site"},
    {**NAVIGATION, "HTTP_SEC_FETCH_DEST": "iframe"},
    {**NAVIGATION, "HTTP_SEC_FETCH_MODE": "no-cors"},
    {**NAVIGATION, "HTTP_SEC_PURPOSE": "prefetch;prerender"},
]


class TestThePageThatIsProtected:
    def test_a_protected_page_leads_a_person_straight_to_the_code(self, pat: Person) -> None:
        pat.navigates(SECRET)
        assert pat.page.redirect_chain == [(f"{VERIFY}?next=%2Fsecret%2F", 302)]
        assert pat.has_got() == 1
        assert pat.types_the_code().path == SECRET

    @pytest.mark.parametrize("headers", NOT_BY_A_PERSON)
    def test_a_request_not_by_a_person_gets_the_start_page(self, pat: Person, headers: Any) -> None:
        assert pat.opens(SECRET, **headers).is_at("start")
        assert pat.has_got() == 0

    def test_a_protected_page_leads_to_start_if_there_are_two_phones(self, pat: Person) -> None:
        Device.objects.register(pat.user, PhoneNumber(NEW_PHONE))
        pat.navigates(SECRET)
        assert pat.page.redirect_chain == [("/2fa/start/?next=%2Fsecret%2F", 302)]
        assert pat.has_got() == 0

    def test_recovery_codes_do_not_count_as_a_second_device(self, pat: Person) -> None:
        Device.objects.create(user=pat.user, kind="recovery", value="set", digest="set", masked="")
        assert pat.navigates(SECRET).page.redirect_chain == [(f"{VERIFY}?next=%2Fsecret%2F", 302)]

    def test_a_protected_page_leads_to_start_without_a_device(self, demo: Person) -> None:
        demo.navigates(SECRET)
        assert demo.page.redirect_chain == [("/2fa/start/?next=%2Fsecret%2F", 302)]

    def test_a_protected_page_sends_one_code_per_session(self, pat: Person, later: Any) -> None:
        pat.navigates(SECRET)
        later(3600)
        assert pat.navigates(SECRET).is_at("start")
        assert pat.has_got() == 1

    def test_the_setting_switches_off_sending_at_once(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SEND_IMMEDIATELY_ON_SINGLE = False
        assert pat.navigates(SECRET).is_at("start")
        assert pat.has_got() == 0

    def test_step_up_of_a_verified_user_begins_at_start(self, pat: Person) -> None:
        verify(pat.client, ago=3600)
        pat.navigates("/transfer/")
        assert [url for url, _status in pat.page.redirect_chain] == [
            "/2fa/start/?next=%2Ftransfer%2F",
            f"{VERIFY}?next=%2Ftransfer%2F",
        ]
        assert pat.types_the_code().path == "/transfer/"

    def test_a_missing_required_phone_leads_to_adding_a_phone(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
        Device.objects.filter(user=sam.user).exclude(kind="email").delete()
        verify(sam.client, ago=3600)
        sam.navigates(SECRET).types_the_code(EMAIL)
        assert sam.is_at("/2fa/add/start/") or sam.is_at("/2fa/add/register/")


class TestTheVerifyPage:
    def test_opening_the_verify_page_sends_a_code(self, pat: Person) -> None:
        assert pat.navigates("verify").page.redirect_chain == []
        assert pat.has_got() == 1

    def test_the_verify_page_shows_the_verification_of_the_code(self, pat: Person) -> None:
        shown = [pat.navigates("verify").page.context[name] for name in ("verification_id", "can_resend_in")]
        assert shown[0] == str(Verification.objects.get().public_id)
        assert 0 < shown[1] <= 30
        again = pat.navigates("verify").page.context
        assert (pat.has_got(), again["verification_id"]) == (1, shown[0])

    @pytest.mark.parametrize("headers", NOT_BY_A_PERSON)
    def test_a_request_not_by_a_person_sends_no_code(self, pat: Person, headers: Any) -> None:
        assert pat.opens("verify", **headers).is_at("start")
        assert pat.has_got() == 0

    @pytest.mark.parametrize("ask", [Client.head, Client.post, Client.put])
    def test_the_verify_page_sends_at_once_only_for_a_get(self, pat: Person, ask: Callable[..., Any]) -> None:
        ask(pat.client, VERIFY, **NAVIGATION)
        assert pat.has_got() == 0

    def test_the_verify_page_sends_at_once_only_once_in_a_session(self, pat: Person, later: Any) -> None:
        pat.navigates("verify").posts(action="cancel")
        later(3600)
        assert pat.navigates("verify").is_at("start")
        assert pat.has_got() == 1

    def test_the_verify_page_sends_nothing_to_a_verified_user(self, pat: Person) -> None:
        verify(pat.client)
        assert pat.navigates("verify").is_at("success")
        assert pat.has_got() == 0

    def test_the_verify_page_shows_a_code_sent_to_another_browser(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        other = Person("pat").navigates("verify")
        assert (other.path, other.page.redirect_chain) == (VERIFY, [])
        assert pat.has_got() == 1

    @pytest.mark.urls(__name__)
    def test_the_verify_page_leaves_codes_of_other_methods_alone(self, pat: Person) -> None:
        pat.opens("start").picks("call")
        other = Person("pat", mount="texts").navigates("verify")
        assert other.is_at("start")
        assert pat.has_got() == 1

    def test_the_verify_page_leads_a_locked_user_to_the_failed_page(self, pat: Person) -> None:
        lockout.lock((pat.user.pk,), int(time.time()) + 60)
        assert pat.navigates("verify").is_at("failed")
        assert "too many" in pat.text
        assert pat.has_got() == 0

    def test_the_verify_page_fails_if_no_method_is_allowed(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        assert pat.navigates("verify").is_at("failed")

    def test_the_verify_page_leads_to_registering_without_a_device(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
        assert demo.navigates("verify").is_at("register")

    def test_the_verify_page_lets_a_remembered_browser_through(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        pat.navigates("verify").posts(token=messages.last_code(PHONE), trust_browser="on")
        signs_in_again(pat)
        assert pat.navigates("verify").path != VERIFY
        assert pat.has_got() == 1

    def test_the_verify_page_of_adding_sends_nothing(self, pat: Person) -> None:
        verify(pat.client)
        assert not pat.navigates("/2fa/add/verify/").is_at("/2fa/add/verify/")
        assert pat.has_got() == 0


class TestTheLogInPage:
    def test_the_log_in_page_leads_a_person_to_the_code(self, pat: Person) -> None:
        visitor = Client()
        data = {"username": "pat", "password": "pat", "next": SECRET}
        answer = visitor.post("/login/verified/", data, follow=True, **NAVIGATION)
        assert answer.redirect_chain == [(f"{VERIFY}?next=%2Fsecret%2F", 302)]
        assert pat.has_got() == 1
        answer = visitor.post(f"{VERIFY}?next=/secret/", {"token": messages.last_code(PHONE)}, follow=True)
        assert answer.request["PATH_INFO"] == SECRET

    def test_a_log_in_not_by_a_person_leads_to_the_start_page(self, pat: Person) -> None:
        data = {"username": "pat", "password": "pat", "next": SECRET}
        answer = Client().post("/login/verified/", data, follow=True)
        assert answer.redirect_chain == [("/2fa/start/?next=%2Fsecret%2F", 302)]
        assert pat.has_got() == 0
