"""Messages of the wizard that fit the situation, and ways to continue."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.urls import clear_script_prefix, include, path, set_script_prefix

from django_twilio_2fa import errors
from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.twilio.error_codes import ERROR_CODES

from ..api.test_api import Caller
from ..conf.shows import shows
from ..loopback_twilio import LoopbackTwilio
from ..people import EMAIL, PHONE, Person

NO_ANSWER = "202 555 0160"


class WithoutHome:
    """The URLs of a site without a home page and with only the admin's page to sign out."""

    urlpatterns = [
        path("2fa/", include("django_twilio_2fa.urls")),
        path("admin/", admin.site.urls),
        path("sandbox/", include("django_twilio_2fa.sandbox.urls")),
        path("inside/", lambda request: HttpResponse("inside"), name="inside"),
    ]


def fails(person: Person) -> Person:
    for _ in range(5):
        person.types_a_wrong_code()
    assert person.is_at("failed")
    return person


def links(person: Person) -> dict[str, str]:
    """Return the address of each link by its text."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', person.page.content.decode(), re.S)
    return {" ".join(re.sub("<[^>]+>", " ", words).split()): href for href, words in found}


def sign_out_goes_to(person: Person) -> str:
    found = re.search(
        r'<form method="post" action="([^"]*)"[^>]*>(?:(?!</form>).)*Sign out',
        person.page.content.decode(),
        re.S,
    )
    return found[1] if found else ""


@pytest.fixture
def asked(sam: Person) -> Person:
    return sam.opens("start").picks("sms")


class TestTriesUsedUp:
    def test_the_failed_page_says_when_the_user_may_try_again(self, asked: Person, later: Any) -> None:
        fails(asked)
        assert "You entered the wrong code too many times. You can try again in 10 minutes." in asked.text

    def test_the_failed_page_updates_the_wait_when_opened_again(
        self, asked: Person, monkeypatch: Any
    ) -> None:
        import time

        fails(asked)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 300)
        assert "You can try again in 5 minutes." in asked.opens("failed").text
        monkeypatch.setattr(time, "time", lambda: now + 601)
        assert "You can try again now." in asked.opens("failed").text

    def test_the_failed_page_has_buttons_for_other_methods(self, asked: Person) -> None:
        fails(asked)
        assert [c["method"] for c in asked.page.context["other_methods"]] == ["email"]
        other = asked.page.context["other_methods"][0]
        asked.posts("start", method=other["method"], device=other["device"])
        assert asked.types_the_code(EMAIL).is_verified

    def test_the_retry_button_is_hidden_during_the_wait(self, asked: Person) -> None:
        html = fails(asked).page.content.decode()
        assert re.search(
            r'hidden data-reveal-after="(59\d|600)">\s*<input[^>]*>\s*<button[^>]*value="retry"', html
        )

    def test_the_retry_button_is_shown_after_the_wait(self, asked: Person, monkeypatch: Any) -> None:
        import time

        fails(asked)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 601)
        html = asked.opens("failed").page.content.decode()
        assert "data-reveal-after" not in html
        assert 'value="retry"' in html

    def test_starting_again_says_when_the_user_may_try_again(self, asked: Person) -> None:
        fails(asked).posts("start", method="sms")
        assert "You can try again in 10 minutes." in asked.text

    def test_a_new_user_may_enter_another_number(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        fails(demo)
        # No phone method is offered: it would ask for a number, and this number has no attempts left.
        assert [c["method"] for c in demo.page.context["other_methods"]] == ["email"]
        demo.posts("start", method="sms").registers("202 555 0147")
        assert demo.is_at("verify")

    def test_the_api_says_when_the_user_may_try_again(self, sam: Person) -> None:
        api = Caller("sam")
        id = api.sends(method="sms")["verification_id"]
        wrong = "111111" if messages.last_code(PHONE) == "222222" else "222222"
        answers = [api.verifies(id, wrong).json() for _ in range(5)]
        assert answers[-1]["display"].endswith("You can try again in 10 minutes.")


class TestSendsUsedUp:
    @pytest.fixture
    def used_up(self, asked: Person, later: Any, settings: Any) -> Person:
        settings.TWILIO_2FA_TOKEN_EXPIRATION = 10
        for wait in (31, 41, 61, 91):
            later(wait)
            asked.posts("verify", action="resend")
        assert asked.has_got() == 5
        return asked

    def test_no_call_to_the_same_number_is_offered(self, used_up: Person) -> None:
        assert used_up.page.context["fallback"]["method"] == "email"
        assert not used_up.page.context["fallback"]["resends"]
        assert not used_up.page.context["can_resend"]

    def test_the_page_says_when_another_code_can_be_requested(self, used_up: Person) -> None:
        assert re.search(r"ask for another in \d minutes\.", used_up.text)

    def test_no_method_is_suggested_to_a_user_with_one_number(
        self, pat: Person, later: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_MAX_SENDS = 1
        pat.opens("start").picks("sms")
        assert pat.page.context["fallback"] is None
        assert "ask for another in 10 minutes." in pat.text

    def test_a_method_at_a_limit_is_not_suggested(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_destination": "1/h"}
        sam.opens("start").picks("sms")
        assert sam.page.context["fallback"]["method"] == "email"
        assert re.search(r"Send the code again \(in \d\d minutes\)", sam.text)

    def test_no_method_is_suggested_at_the_send_limit(self, sam: Person, settings: Any, later: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "3/h"}
        sam.opens("start").picks("sms")
        for wait in (31, 41):
            later(wait)
            sam.posts("verify", action="resend")
        assert sam.page.context["fallback"] is None
        assert re.search(r"Send the code again \(in \d\d minutes\)", sam.text)

    def test_a_button_that_waits_shows_the_wait(self, asked: Person, later: Any) -> None:
        for wait in (31, 41):
            later(wait)
            asked.posts("verify", action="resend")
        assert "Not received it? Phone call to (XXX) XXX-0143 (in 60 seconds)" in asked.text


class TestAnotherMethodWithinTheCooldown:
    def test_the_page_says_which_method_was_picked_and_the_wait(self, sam: Person) -> None:
        sam.opens("start").picks("call").opens("start").picks("whatsapp")
        assert sam.is_at("verify")
        assert re.search(r"You chose: WhatsApp. We can send a code that way in (29|30) seconds.", sam.text)
        assert "you can use the code you have" in sam.text

    def test_the_button_after_the_wait_uses_the_picked_method(self, sam: Person, later: Any) -> None:
        sam.opens("start").picks("call").opens("start").picks("whatsapp")
        found = sam.page.context["fallback"]
        assert (found["method"], found["after"], found["wished"]) == ("whatsapp", 0, True)
        assert 'data-countdown="' in sam.page.content.decode()
        later(31)
        sam.opens("verify").posts(action="resend", method="whatsapp")
        assert sam.page.context["method"]["value"] == "whatsapp"
        assert Verification.objects.get().sends == 2

    def test_a_picked_method_is_forgotten_after_the_send(self, sam: Person, later: Any) -> None:
        sam.opens("start").picks("call").opens("start").picks("whatsapp")
        later(31)
        sam.posts("verify", action="resend", method="whatsapp")
        assert not sam.page.context["fallback"]["wished"]

    def test_while_registering_the_page_says_which_method_was_picked(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().opens("start").picks("call").registers()
        assert demo.is_at("verify")
        assert "You chose: Phone call." in demo.text
        assert demo.page.context["fallback"]["method"] == "call"

    def test_picking_the_same_method_again_shows_the_wait(self, sam: Person) -> None:
        sam.opens("start").picks("sms").opens("start").picks("sms")
        assert "You can ask for another code" in sam.text


class TestMessagesAboutASend:
    def test_an_uncertain_send_is_shown_in_one_sentence(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(NO_ANSWER)
        assert demo.is_at("verify")
        assert "We are not sure the code was sent to (XXX) XXX-0160." in demo.text
        assert "Enter the code that was sent" not in demo.text
        assert "cannot be sent" not in demo.text

    def test_an_uncertain_resend_is_shown(
        self, sam: Person, later: Any, twilio_over_http: LoopbackTwilio
    ) -> None:
        sam.opens("start").picks("sms")
        later(31)
        twilio_over_http.does("drop", on="Verifications", seconds=0.6)
        sam.posts("verify", action="resend")
        assert "We are not sure" in sam.text
        twilio_over_http.is_well()
        later(41)
        sam.posts("verify", action="resend")
        assert "We are not sure" not in sam.text

    def test_the_page_says_that_a_call_is_being_made(self, sam: Person) -> None:
        sam.opens("start").picks("call")
        assert "We are calling the number ending 0143." in sam.text
        assert "was read out" not in sam.text

    def test_a_resend_by_call_says_that_a_call_is_being_made(self, asked: Person, later: Any) -> None:
        later(31)
        asked.posts("verify", action="resend", method="call")
        assert "We are calling you now." in asked.text
        assert "We sent the code again" not in asked.text

    def test_a_sites_text_replaces_the_text_about_a_call(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code, **kw: {"send_call": "spoken"}.get(code)
        sam.opens("start").picks("call")
        assert "Enter the code that was spoken to (XXX) XXX-0143." in sam.text

    def test_the_api_says_that_a_call_is_being_made(self, sam: Person) -> None:
        assert Caller("sam").sends(method="call")["display"].startswith("We are calling")


OF_A_SEND = re.compile(
    r"could not be sent|cannot be sent this|be sent for now|codes have been sent\.|cannot receive|in your"
)


def says_sent(text: str) -> bool:
    return bool(OF_A_SEND.search(text))


class TestMessagesAboutACheck:
    @pytest.mark.parametrize("code", sorted(ERROR_CODES))
    def test_no_error_of_a_check_mentions_a_send(
        self, sam: Person, twilio_over_http: LoopbackTwilio, code: int
    ) -> None:
        sam.opens("start").picks("sms")
        twilio_over_http.does(str(code), on="VerificationCheck")
        sam.types("123456")
        assert not says_sent(sam.text), sam.text

    @pytest.mark.parametrize("code", ["60200", "60203", "60205", "60410", "60605"])
    def test_no_error_of_a_check_over_the_api_mentions_a_send(
        self, sam: Person, twilio_over_http: LoopbackTwilio, code: str
    ) -> None:
        api = Caller("sam")
        id = api.sends(method="sms")["verification_id"]
        twilio_over_http.does(code, on="VerificationCheck")
        told = api.verifies(id, "123456").json()["display"]
        assert "We could not check the code." in told

    def test_a_refused_parameter_leaves_the_user_on_the_page(
        self, sam: Person, twilio_over_http: LoopbackTwilio
    ) -> None:
        sam.opens("start").picks("sms")
        twilio_over_http.does("60200", on="VerificationCheck")
        sam.types("123456")
        assert sam.is_at("verify")
        assert "We could not check the code." in sam.text

    @pytest.mark.parametrize("code", sorted(ERROR_CODES))
    def test_no_error_of_a_send_mentions_a_check(
        self, sam: Person, twilio_over_http: LoopbackTwilio, code: int
    ) -> None:
        twilio_over_http.does(str(code), on="Verifications")
        sam.opens("start").picks("sms")
        assert "That code is incorrect" not in sam.text
        assert "We could not check the code." not in sam.text

    def test_a_request_limit_mentions_both_sends_and_checks(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"requests_per_client": "1/h"}
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda **kw: "192.0.2.1"
        sam.opens("start").picks("sms").types_a_wrong_code()
        assert "You have asked for or entered too many codes." in sam.text

    def test_every_error_has_a_text_for_a_check(self) -> None:
        for error in errors.ERRORS.values():
            told = error(retry_after=60, twilio_error=1)
            told.during = "check"
            assert not says_sent(told.display), told.display


class TestAWayToTheSite:
    def test_success_without_next_leads_to_the_site(self, sam: Person, settings: Any) -> None:
        settings.LOGIN_REDIRECT_URL = "secret"
        sam.opens("start").picks("sms").types_the_code()
        assert sam.is_at("success")
        assert links(sam)["Continue"] == "/secret/"

    @pytest.mark.parametrize("url", ["/accounts/profile/", "no-such-name", "/2fa/", "twilio_2fa:start"])
    def test_the_link_to_the_site_falls_back_to_the_root(self, sam: Person, settings: Any, url: str) -> None:
        settings.LOGIN_REDIRECT_URL = url
        sam.opens("start").picks("sms").types_the_code()
        assert links(sam)["Continue"] == "/"

    def test_the_link_to_the_root_includes_the_script_name(self, sam: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        set_script_prefix("/shop/")
        try:
            page = sam.client.get("/2fa/success/").content.decode()
        finally:
            clear_script_prefix()
        assert 'href="/shop/" data-hx-boost="false">Continue' in page

    def test_the_link_to_the_site_may_lead_to_another_host(self, sam: Person, settings: Any) -> None:
        settings.LOGIN_REDIRECT_URL = "https://app.example.com/home"
        sam.opens("start").picks("sms").types_the_code()
        assert links(sam)["Continue"] == "https://app.example.com/home"

    def test_success_with_next_redirects(self, sam: Person) -> None:
        sam.opens("/2fa/start/?next=/secret/").picks("sms").types_the_code()
        assert sam.path == "/secret/"

    def test_a_failed_page_that_blocks_has_a_way_out(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        sam.opens("start")
        assert sam.page.context["is_blocking"]
        assert links(sam)["Back to the site"] == "/"
        sam.posts(sign_out_goes_to(sam))
        assert "_auth_user_id" not in sam.client.session

    def test_skipping_leads_to_the_site(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        settings.LOGIN_REDIRECT_URL = "secret"
        demo.opens("start").posts(action="skip")
        assert demo.path == "/secret/"

    @shows("LOGOUT_URL")
    def test_a_site_may_say_where_to_sign_out(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        settings.TWILIO_2FA_LOGOUT_URL = "/bye/"
        assert sign_out_goes_to(sam.opens("start")) == "/bye/"
        settings.TWILIO_2FA_LOGOUT_URL = ""
        assert sign_out_goes_to(sam.opens("start")) == ""

    def test_signing_out_by_the_admin_is_for_staff_only(self, sam: Person, settings: Any) -> None:
        settings.ROOT_URLCONF = WithoutHome
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        assert sign_out_goes_to(sam.opens("start")) == ""
        get_user_model().objects.filter(pk=sam.user.pk).update(is_staff=True)
        assert sign_out_goes_to(sam.opens("start")) == "/admin/logout/"

    def test_the_failed_page_allows_a_retry_after_a_lock(
        self, sam: Person, settings: Any, monkeypatch: Any
    ) -> None:
        import time

        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "1/h"}
        sam.opens("start").picks("sms").types_a_wrong_code().types_a_wrong_code()
        assert sam.is_at("failed")
        assert not sam.page.context["can_retry"]
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 2 * 3600)
        assert sam.opens("failed").page.context["can_retry"]


class TestLeavingASetup:
    @pytest.fixture
    def shown(self, sam: Person, settings: Any) -> Person:
        """Return Sam on the page that shows recovery codes, before saving them."""
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp", "recovery"]
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("/2fa/add/").picks("recovery").posts("/2fa/add/register/")
        assert sam.page.context["codes"]
        return sam

    def test_the_only_link_of_the_recovery_codes_says_what_happens(self, shown: Person) -> None:
        assert "Leave without saving. These codes will not work" in shown.text
        assert "Try another way" not in shown.text
        assert "Cancel" not in shown.text

    def test_leaving_unsaved_recovery_codes_shows_a_message(self, shown: Person) -> None:
        shown.posts("/2fa/add/verify/", action="cancel")
        assert "You left without saving your recovery codes, so they will not work." in shown.text

    def test_leaving_codes_for_another_method_shows_a_message(self, shown: Person) -> None:
        shown.posts("/2fa/add/start/", method="totp").posts("/2fa/add/register/")
        assert "so they will not work" in shown.text

    def test_leaving_expired_recovery_codes_shows_a_message(self, shown: Person, later: Any) -> None:
        later(601)
        shown.posts("/2fa/add/verify/", saved="on")
        assert "so they will not work" in shown.text

    def test_leaving_saved_recovery_codes_shows_no_message(self, shown: Person) -> None:
        shown.posts("/2fa/add/verify/", saved="on")
        assert "do not work" not in shown.text

    def test_leaving_an_unconfirmed_authenticator_shows_a_message(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp"]
        demo.opens("start").picks("totp").posts("register").posts("verify", action="cancel")
        assert "You did not finish setting up the app." in demo.text

    def test_leaving_an_unconfirmed_number_shows_no_message(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().posts(action="cancel")
        assert demo.page.context["messages"]._loaded_data == []
