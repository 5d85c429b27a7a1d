"""Situations in which users once got stuck."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from django_twilio_2fa import errors
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import authenticators, clock, messages
from django_twilio_2fa.sandbox.models import SandboxFactor

from ..helpers import wrong_code
from ..people import EMAIL, PHONE, Person


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "whatsapp", "email", "totp", "recovery"]


class TestTwoTabsWhileRegistering:
    """One tab registers a phone, the other an address."""

    @pytest.fixture
    def tabs(self, demo: Person) -> tuple[Person, str, str]:
        demo.opens("start").picks("sms").registers()
        phone = str(Verification.objects.get(kind="phone_number").public_id)
        demo.opens("start").picks("email").posts(email=EMAIL)
        return demo, phone, str(Verification.objects.get(kind="email").public_id)

    def test_the_code_of_the_first_tab_registers_a_device(self, tabs: tuple[Person, str, str]) -> None:
        demo, phone, _address = tabs
        demo.posts("verify", token=messages.last_code(PHONE), verification=phone)
        assert demo.is_verified

    def test_the_code_of_the_second_tab_registers_a_device(self, tabs: tuple[Person, str, str]) -> None:
        demo, _phone, address = tabs
        demo.posts("verify", token=messages.last_code(EMAIL), verification=address)
        assert demo.is_verified

    def test_canceling_in_one_tab_keeps_the_other_tabs_code(self, tabs: tuple[Person, str, str]) -> None:
        demo, phone, address = tabs
        Verification.objects.filter(public_id=phone).update(status="canceled", pending_key=None)
        demo.posts("verify", token=messages.last_code(PHONE), verification=phone)
        assert not demo.is_verified
        demo.opens("verify")
        assert demo.page.context["verification_id"] == address

    def test_the_second_registration_adds_no_device(self, tabs: tuple[Person, str, str]) -> None:
        demo, phone, address = tabs
        demo.posts("verify", token=messages.last_code(PHONE), verification=phone)
        demo.posts("verify", token=messages.last_code(EMAIL), verification=address)
        assert demo.is_at("success")
        assert [d.kind for d in Device.objects.all()] == ["phone_number"]

    def test_the_second_tab_says_that_nothing_was_registered(self, tabs: tuple[Person, str, str]) -> None:
        demo, phone, address = tabs
        demo.posts("verify", token=messages.last_code(PHONE), verification=phone)
        demo.posts("verify", token="000000", verification=address)
        assert "was not added, because you set up something else" in demo.text
        assert Verification.objects.get(public_id=address).status == "canceled"

    def test_an_abandoned_authenticator_cannot_be_confirmed(self, demo: Person, monkeypatch: Any) -> None:
        monkeypatch.setattr(clock, "time", lambda: 1_800_000_000.0)
        demo.opens("start").picks("totp").posts(name="")
        code = authenticators.current_code(SandboxFactor.objects.get().secret)
        row = Verification.objects.get()
        demo.opens("start").picks("sms").registers()
        assert "You did not finish setting up the app" in demo.text
        demo.posts("verify", token=code, verification=str(row.public_id))
        assert not Device.objects.exists()
        assert not demo.is_verified

    def test_a_corrected_number_cancels_the_first_verification(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        demo.posts("register", country_code="US", phone_number="202 555 0147")
        assert Verification.objects.order_by("pk").first().status == "canceled"

    def test_each_tab_posts_to_the_form_of_its_method(self, demo: Person) -> None:
        demo.opens("start").picks("sms")
        demo.opens("start").picks("email")
        demo.posts("register", country_code="US", phone_number="202 555 0143")
        assert demo.is_at("verify")
        assert demo.has_got() == 1


class TestMethodsThatSendNothing:
    """Methods that do not use up the messages that a user may be sent: authenticators and recovery codes."""

    def test_an_authenticator_can_be_registered_after_many_messages(
        self, demo: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": "1/h"}
        demo.opens("start").picks("sms").registers()
        demo.opens("start").picks("totp").posts(name="")
        assert SandboxFactor.objects.count() == 1
        assert demo.is_at("verify")

    def test_setting_up_an_authenticator_has_a_separate_limit(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"setups_per_user": "2/h"}
        for _ in range(3):
            demo.opens("start").picks("totp").posts(name="")
            demo.posts("verify", action="cancel")
        assert SandboxFactor.objects.count() == 0
        demo.opens("start").picks("totp").posts(name="")
        assert "too many" in demo.text
        assert demo.opens("start").picks("sms").registers().is_at("verify")


class TestFailedPage:
    def offers(self, person: Person) -> list[str]:
        return [c["method"] for c in person.page.context["other_methods"]]

    def test_the_failed_page_does_not_offer_the_same_method(self, demo: Person, monkeypatch: Any) -> None:
        monkeypatch.setattr(clock, "time", lambda: 1_800_000_000.0)
        demo.opens("start").picks("totp").posts(name="")
        right = authenticators.current_code(SandboxFactor.objects.get().secret)
        for _ in range(5):
            demo.types(wrong_code(right))
        assert demo.is_at("failed")
        assert "totp" not in self.offers(demo)
        assert "sms" in self.offers(demo)

    def test_failed_and_start_show_the_same_wait_of_a_locked_session(
        self, sam: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_session": "5/h"}
        sam.opens("start").picks("sms")
        for _ in range(5):
            sam.types_a_wrong_code()
        assert sam.is_at("failed")
        assert self.offers(sam) == []
        first = re.search(r"again (in \d+ minutes)", sam.text)
        sam.opens("start").picks("email")
        again = re.search(r"again (in \d+ minutes)", sam.text)
        assert first
        assert again
        assert first[1] == again[1]

    def test_the_failed_page_of_a_registration_offers_other_kinds(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        for _ in range(5):
            demo.types_a_wrong_code()
        assert self.offers(demo) == ["email", "totp"]

    def test_the_failed_page_allows_another_number(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        for _ in range(5):
            demo.types_a_wrong_code()
        assert demo.page.context["other_destination"]
        demo.opens("register").registers("202 555 0147")
        assert demo.is_at("verify")
        assert demo.has_got("+12025550147") == 1

    def test_the_verify_page_of_a_failed_verification_says_why(self, sam: Person) -> None:
        sam.opens("start").picks("sms")
        for _ in range(5):
            sam.types_a_wrong_code()
        sam.opens("verify")
        assert sam.is_at("start")
        assert "You entered the wrong code too many times." in sam.text
        assert "already been used" not in sam.text


class TestWaits:
    def test_a_wait_of_minutes_is_shown_in_minutes(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 300
        pat.opens("start").picks("sms")
        Verification.objects.update(sends=3)
        pat.opens("verify")
        assert "(in 300 s)" not in pat.text
        assert pat.text.count("in 5 minutes") == 2

    def test_the_page_and_the_message_have_the_same_wait(
        self, demo: Person, settings: Any, later: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": "1/10m"}
        demo.opens("start").picks("sms").registers()
        demo.opens("start").picks("call").registers()
        assert "You chose: Phone call. We can send a code that way in 10 minutes." in demo.text


class TestSwitchedMethod:
    def test_the_page_says_what_can_be_used_instead(self, demo: Person) -> None:
        demo.opens("start").picks("whatsapp").registers("202 555 0172")
        assert "You can use this instead: Text message" in demo.text

    def test_a_number_that_all_methods_refuse_is_tried_once_by_each(self, demo: Person) -> None:
        demo.opens("start").picks("sms")
        for method in ("Phone call", "WhatsApp"):
            demo.registers("+12025550168")
            assert f"You can use this instead: {method}" in demo.text
        demo.registers("+12025550168")
        assert demo.is_at("start")
        assert "You can use this instead" not in demo.text

    def test_the_page_does_not_mention_a_code_that_was_not_sent(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("+12025550164")
        assert "Enter the code that was sent" not in demo.text
        assert demo.text.count("We cannot send a code there for now") == 1


class TestWaysOut:
    def test_each_page_shows_the_user_the_site_and_a_way_out(self, demo: Person) -> None:
        def opened() -> Iterator[Person]:
            yield demo.opens("start")
            yield demo.picks("sms")
            yield demo.registers()
            yield demo.opens("devices")

        for page in opened():
            assert page.text.startswith("testserver Signed in as demo"), page.path
            assert "Back to the site" in page.text, page.path
            assert "Sign out" in page.text, page.path

    def test_the_page_of_unsaved_recovery_codes_has_one_way_out(self, sam: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("/2fa/add/").picks("recovery").posts()
        assert "Leave without saving. These codes will not work" in sam.text
        assert "Back to the site" not in sam.text


class TestFocus:
    def field(self, person: Person, name: str) -> dict[str, Any]:
        return dict(person.page.context["form"].fields[name].widget.attrs)

    def test_the_qr_page_is_not_scrolled_to_the_code(self, demo: Person) -> None:
        demo.opens("start").picks("totp").posts(name="")
        assert "autofocus" not in self.field(demo, "token")

    def test_the_summary_of_errors_has_the_focus(self, demo: Person) -> None:
        demo.opens("start").picks("sms").posts(country_code="US", phone_number="")
        html = demo.page.content.decode()
        assert re.findall(r"<(\w+) [^>]*\bautofocus\b", html) == ["div"]
        assert '<a class="alert-link" href="#id_phone_number">Enter your phone number</a>' in html
        assert re.search(r"<title>Error: Enter your phone number \S testserver</title>", html)
        demo.opens("register")
        assert "autofocus" not in self.field(demo, "country_code")


class TestTwiliosOwnLimitOfSends:
    """Numbers to which Twilio sends no more codes, because it sent too many, perhaps for another site."""

    LIMITED = "+12025550164"

    @pytest.fixture
    def refused(self, demo: Person) -> Person:
        demo.opens("start").picks("sms").registers(self.LIMITED)
        assert demo.is_at("verify")
        assert "We cannot send a code there for now." in demo.text
        return demo

    def test_a_code_after_twilios_send_limit_says_when_to_retry(self, refused: Person) -> None:
        refused.types("123456")
        assert refused.is_at("failed")
        assert "in 10 minutes" in refused.text
        assert [c["method"] for c in refused.page.context["other_methods"]] == ["email", "totp"]

    def test_a_number_at_twilios_send_limit_is_refused(self, refused: Person, later: Any) -> None:
        refused.types("123456")
        refused.opens("start").picks("sms").registers(self.LIMITED)
        assert refused.is_at("start")
        assert "We cannot send a code for now. You can ask for one in 10 minutes." in refused.text
        later(601)
        refused.opens("start").picks("sms").registers(self.LIMITED)
        assert refused.is_at("verify")


class TestWaitsOnStart:
    """The start page, which shows when each method can be used that cannot be used now."""

    def later(self, person: Person) -> dict[str, str]:
        return {c["method"]: c["when"] for c in person.page.context["choices"] if c["when"]}

    def test_start_shows_the_wait_after_too_many_unproven_sends(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_user": "1/10m"}
        demo.opens("start").picks("sms").registers()
        demo.posts("verify", action="cancel")
        assert list(self.later(demo)) == ["sms", "call", "whatsapp", "email"]
        assert set(self.later(demo).values()) == {"in 10 minutes"}
        assert "You can use this in 10 minutes." in demo.text

    def test_start_shows_the_wait_after_wrong_codes_in_this_session(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_session": "5/h"}
        sam.opens("start").picks("sms")
        for _ in range(5):
            sam.types_a_wrong_code()
        sam.opens("start")
        assert {"sms", "call", "email"} <= self.later(sam).keys()

    def test_start_says_that_a_locked_user_has_to_be_unlocked(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 5}
        sam.opens("start").picks("sms")
        for _ in range(5):
            sam.types_a_wrong_code()
        sam.opens("start")
        assert "You can use this" not in sam.text
        assert errors.AccountLocked().display in sam.text

    def test_start_shows_no_wait_if_all_methods_can_be_used(self, sam: Person) -> None:
        sam.opens("start")
        assert self.later(sam) == {}
        assert all(c["usable"] for c in sam.page.context["choices"])


class TestWordsOnStart:
    def test_start_does_not_call_a_pending_approval_a_code(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["link", "sms"]
        demo.opens("start").picks("link").posts(email=EMAIL)
        demo.opens("start")
        assert "I already have a code" not in demo.text
        assert "Continue where I left off" in demo.text

    def test_start_says_that_a_device_is_added(self, sam: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        sam.opens(reverse("twilio_2fa:adding:start"))
        assert "Set up how you get codes" not in sam.text
        assert "Add another way to get codes" in sam.text


class TestUnfinishedAddition:
    """Additions that a user leaves unconfirmed, which the list of devices shows."""

    @pytest.fixture
    def left(self, sam: Person) -> Person:
        sam.opens("start").picks("sms").types_the_code()
        sam.opens(reverse("twilio_2fa:adding:start")).picks("recovery").posts()
        assert sam.page.context["codes"]
        return sam.opens("devices")

    def test_the_list_says_that_an_unfinished_device_does_not_work(self, left: Person) -> None:
        assert "You have not finished setting this up, so it does not work yet: Recovery codes" in left.text

    def test_the_link_of_an_unfinished_device_continues(self, left: Person) -> None:
        codes = left.opens(left.page.context["unfinished"]["href"]).page.context["codes"]
        assert len(codes) == 10

    def test_a_canceled_addition_is_not_listed(self, left: Person) -> None:
        left.posts(reverse("twilio_2fa:adding:verify"), action="cancel")
        assert "Not confirmed yet" not in left.opens("devices").text

    def test_an_ended_addition_is_not_listed(self, left: Person) -> None:
        Verification.objects.filter(method="recovery").update(status="canceled", pending_key=None)
        assert "Not confirmed yet" not in left.opens("devices").text

    def test_the_list_without_unfinished_devices_shows_no_notice(self, sam: Person) -> None:
        sam.opens("start").picks("sms").types_the_code()
        assert "Not confirmed yet" not in sam.opens("devices").text
