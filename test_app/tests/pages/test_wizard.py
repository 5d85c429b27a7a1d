"""The wizard, from the start page to the verification, for users with and without devices."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import override_settings

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.sandbox import messages

from ..people import EMAIL, PHONE, Person

NEW_PHONE = "+12025550147"


class TestFirstRegistration:
    @pytest.mark.parametrize("method", ["sms", "call", "whatsapp"])
    def test_a_phone_is_registered_with_the_first_code(self, demo: Person, method: str) -> None:
        demo.opens("/secret/")
        assert demo.is_at("start")
        demo.picks(method).registers()
        assert demo.is_at("verify")
        assert "the number ending 0143" in demo.text
        assert not Device.objects.exists()
        demo.types_the_code()
        assert demo.path == "/secret/"
        assert demo.is_verified
        assert [str(d.value) for d in Device.objects.filter(user=demo.user)] == [PHONE]

    def test_an_address_is_registered_with_the_first_code(self, demo: Person) -> None:
        demo.opens("/secret/").picks("email").posts(email=EMAIL)
        assert "sXX@eXXXXXX.com" in demo.text
        demo.types_the_code(EMAIL)
        assert demo.path == "/secret/"
        assert demo.is_verified

    def test_start_lists_the_methods_that_can_be_set_up(self, demo: Person) -> None:
        demo.opens("start")
        assert demo.choices == [("sms", ""), ("call", ""), ("whatsapp", ""), ("email", "")]
        assert demo.page.context["methods"]["sms"] == {
            "value": "sms",
            "label": "Text message",
            "icon": "fas fa-sms",
        }

    @override_settings(TWILIO_2FA_ALLOWED_METHODS=["sms"])
    def test_start_is_skipped_when_one_method_can_be_set_up(self, demo: Person) -> None:
        assert demo.opens("start").is_at("register")

    @pytest.mark.parametrize(
        "typed",
        [
            "(202) 555-0143",
            "202.555.0143",
            "+1 202 555 0143",
            "2025550143",
            "1-202-555-0143",
            " 202 555-0143 ",
        ],
    )
    def test_a_number_is_accepted_in_the_forms_that_people_write(self, demo: Person, typed: str) -> None:
        demo.opens("start").picks("sms").registers(typed)
        assert demo.is_at("verify")
        assert demo.has_got(PHONE) == 1

    def test_a_number_with_a_plus_belongs_to_its_own_country(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("+44 7400 123456", country="US")
        assert demo.is_at("verify")
        assert demo.has_got("+447400123456") == 1

    def test_a_number_of_a_country_that_is_not_allowed_is_refused(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("+39 312 345 6789", country="US")
        assert demo.is_at("register")
        assert "We cannot send codes to Italy." in demo.text
        assert not Verification.objects.exists()

    @pytest.mark.parametrize(
        "typed", ["", "abc", "123", "+1 202 555 0143 ext. 12345678", "1-800-FLOWERS", "²²²²²²²²²²"]
    )
    def test_an_invalid_number_is_reported_at_the_field(self, demo: Person, typed: str) -> None:
        demo.opens("start").picks("sms").registers(typed)
        assert demo.is_at("register")
        assert demo.page.context["form"].errors["phone_number"]
        assert not Verification.objects.exists()

    def test_a_refused_number_stays_in_the_form(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("555", country="GB")
        assert 'value="555"' in demo.page.content.decode()
        assert demo.page.context["form"]["country_code"].value() == "GB"

    def test_a_mistyped_number_can_be_corrected(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("202 555 0147")
        assert demo.page.context["can_correct"]
        demo.opens("register").registers()
        assert demo.is_at("verify")
        wrong = Verification.objects.get(masked="(XXX) XXX-0147")
        assert wrong.status == Status.CANCELED
        assert wrong.destination == ""
        demo.types_the_code()
        assert [d.value for d in Device.objects.all()] == [PHONE]

    @override_settings(TWILIO_2FA_ALLOW_REGISTRATION=False)
    def test_a_refused_registration_shows_the_reason(self, demo: Person) -> None:
        demo.opens("start")
        assert demo.is_at("failed")
        assert "Your account has no way to get codes" in demo.text
        assert demo.page.context["error_code"] == "registration_not_allowed"

    def test_the_email_of_the_user_model_is_not_a_device(self, demo: Person) -> None:
        demo.user.email = EMAIL
        demo.user.save()
        demo.opens("start")
        assert demo.page.context["is_registration"]
        assert demo.choices[-1] == ("email", "")

    def test_registrations_in_two_sessions_store_one_device(self, demo: Person) -> None:
        thief = Person("demo")
        thief.opens("start").picks("sms").registers("202 555 0147")
        demo.opens("start").picks("sms").registers().types_the_code()
        assert demo.is_verified
        thief.types_the_code(NEW_PHONE)
        assert not thief.is_verified
        assert [d.value for d in Device.objects.all()] == [PHONE]


class TestUserWithDevices:
    def test_start_lists_each_method_with_each_suitable_device(self, sam: Person) -> None:
        sam.opens("start")
        phone, address = "(XXX) XXX-0143", "sXX@eXXXXXX.com"
        assert sam.choices == [("sms", phone), ("call", phone), ("whatsapp", phone), ("email", address)]
        assert "Text message We text a code to your phone ending 0143." in sam.text
        assert (sam.page.context["phone_number"], sam.page.context["email"]) == (phone, address)

    @pytest.mark.parametrize(
        ("method", "to"), [("sms", PHONE), ("call", PHONE), ("whatsapp", PHONE), ("email", EMAIL)]
    )
    def test_each_method_verifies_a_user_with_devices(self, sam: Person, method: str, to: str) -> None:
        sam.opens("/secret/").picks(method)
        assert sam.is_at("verify")
        sam.types_the_code(to)
        assert sam.path == "/secret/"
        assert sam.is_verified
        assert messages.delivered(to)[0]["channel"] == method

    def test_a_user_with_devices_cannot_register_another_instead(self, pat: Person) -> None:
        pat.opens("start")
        assert {method for method, _detail in pat.choices} == {"sms", "call", "whatsapp"}
        assert pat.opens("register").is_at("start")
        pat.posts("register", country_code="US", phone_number="202 555 0147")
        assert pat.is_at("start")
        pat.posts("start", method="email")
        assert pat.is_at("start")
        assert not Verification.objects.exists()

    def test_a_landline_is_offered_a_call_and_no_message(self, pat: Person) -> None:
        Device.objects.update(line_type="landline")
        assert [m for m, _detail in pat.opens("start").choices] == ["call"]

    def test_a_landline_found_by_sending_is_offered_calls_afterwards(self, db: None) -> None:
        from django_twilio_2fa.contacts import PhoneNumber

        user = get_user_model().objects.create_user("lin")
        Device.objects.register(user, PhoneNumber("+12025550150"))
        lin = Person("lin").opens("start").picks("sms")
        assert lin.is_at("start")
        assert "cannot get text messages" in lin.text
        assert [m for m, _detail in lin.choices] == ["call"]
        lin.picks("call")
        assert lin.is_at("verify")

    def test_a_user_with_an_unusable_device_cannot_register(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["whatsapp"]
        Device.objects.filter(kind="phone_number").update(line_type="landline")
        sam.opens("start")
        assert sam.is_at("failed")
        assert sam.page.context["error_code"] == "no_method_available"
        assert sam.page.context["is_blocking"]
        assert not sam.page.context["can_retry"]

    def test_a_device_of_a_country_no_longer_allowed_is_not_offered(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = ["US"]
        assert [m for m, _detail in sam.opens("start").choices] == ["email"]


class TestVerify:
    @pytest.fixture
    def asked(self, sam: Person) -> Person:
        return sam.opens("start").picks("sms")

    def test_the_page_says_where_the_code_was_sent(self, asked: Person) -> None:
        assert "Enter the code we texted to the number ending 0143." in asked.text
        assert PHONE not in asked.page.content.decode()

    def test_a_wrong_code_says_how_many_tries_are_left(self, asked: Person) -> None:
        asked.types_a_wrong_code()
        assert asked.is_at("verify")
        assert "That code is incorrect. Check it and try again. You can try 4 more times." in asked.text
        asked.types_a_wrong_code().types_a_wrong_code().types_a_wrong_code()
        assert "You can try 1 more time." in asked.text
        asked.types_the_code()
        assert asked.is_verified

    def test_starting_again_gives_no_more_attempts(self, asked: Person) -> None:
        for _ in range(5):
            asked.types_a_wrong_code()
        assert asked.is_at("failed")
        assert asked.page.context["error_code"] == "max_attempts_reached"
        asked.posts("start", method="sms")
        assert not asked.is_at("verify")
        assert asked.has_got() == 1
        assert not asked.is_verified

    @pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "½" * 6, "1" * 10_000, "12345\0"])
    def test_text_that_cannot_be_a_code_is_not_an_attempt(self, asked: Person, typed: str) -> None:
        asked.types(typed)
        assert asked.is_at("verify")
        assert asked.page.context["form"].errors["token"]
        assert Verification.objects.get().attempts == 0

    def test_a_code_may_be_typed_with_spaces_dashes_and_other_digits(self, asked: Person) -> None:
        code = messages.last_code(PHONE)
        arabic = "".join(chr(0x0660 + int(d)) for d in code)
        asked.types(f" {arabic[:3]}-{arabic[3:]} ")
        assert asked.is_verified

    def test_a_resend_repeats_the_same_verification(self, asked: Person, later: Any) -> None:
        first = messages.last_code(PHONE)
        later(31)
        asked.posts("verify", action="resend")
        assert asked.is_at("verify")
        assert "We sent the code again" in asked.text
        assert asked.has_got() == 2
        assert messages.last_code(PHONE) == first
        row = Verification.objects.get()
        assert (row.sends, row.status) == (2, Status.PENDING)

    def test_a_resend_waits_for_the_cooldown(self, asked: Person) -> None:
        assert 28 <= asked.opens("verify").page.context["can_resend_in"] <= 30
        asked.posts("verify", action="resend")
        assert asked.is_at("verify")
        assert "You can ask for another code" in asked.text
        assert asked.has_got() == 1

    def test_resends_stop_at_the_allowed_number(self, asked: Person, later: Any) -> None:
        for _ in range(6):
            later(91)
            asked.posts("verify", action="resend")
        assert asked.has_got() == 5

    def test_another_method_to_a_number_continues_the_verification(self, asked: Person, later: Any) -> None:
        later(31)
        asked.opens("start").picks("call")
        assert asked.is_at("verify")
        assert "We are calling the number ending 0143." in asked.text
        assert Verification.objects.count() == 1
        asked.types_the_code()
        assert asked.is_verified

    def test_picking_a_method_again_at_once_sends_nothing(self, asked: Person) -> None:
        asked.opens("start").picks("sms")
        assert asked.is_at("verify")
        assert asked.has_got() == 1

    def test_the_page_says_that_a_code_has_expired(self, asked: Person, later: Any) -> None:
        code = messages.last_code(PHONE)
        later(601)
        asked.types(code)
        assert asked.is_at("verify")
        assert "This code has expired or has been used." in asked.text
        row = Verification.objects.get()
        assert (row.status, row.destination, row.pending_key) == (Status.EXPIRED, "", None)
        # A reload shows the same page.
        assert "Send a new code" in asked.opens("verify").text
        asked.presses_the_button()
        assert asked.is_at("verify")
        assert asked.has_got() == 2
        assert asked.types_the_code().is_verified

    def test_a_verification_can_be_canceled(self, asked: Person) -> None:
        asked.posts("verify", action="cancel")
        assert asked.is_at("start")
        assert Verification.objects.get().status == Status.CANCELED

    def test_a_code_is_checked_for_the_tab_that_posted(self, asked: Person) -> None:
        first_tab = asked.page.context["form"]["verification"].value()
        asked.opens("start").picks("email")
        asked.posts("verify", token=messages.last_code(PHONE), verification=first_tab)
        assert asked.is_verified
        assert Verification.objects.get(method="sms").status == Status.APPROVED

    def test_posting_the_right_code_twice_leads_to_success(self, asked: Person) -> None:
        code = messages.last_code(PHONE)
        asked.types(code)
        for again in (code, "000000"):
            asked.posts("verify", token=again)
            assert asked.is_at("success")

    def test_a_stale_form_after_an_expired_verification_starts_again(self, asked: Person, later: Any) -> None:
        asked.types_the_code()
        asked.opens("start").picks("email")
        later(601)
        asked.posts("verify", token="123456")
        assert "Send a new code" in asked.text
        asked.presses_the_button()
        assert asked.has_got(EMAIL) == 2

    def test_the_session_contains_no_code_or_destination(self, asked: Person) -> None:
        kept = str(dict(asked.client.session.items()))
        assert PHONE not in kept
        assert messages.last_code(PHONE) not in kept
        asked.types_the_code()
        assert Verification.objects.get().destination == ""


class TestOrder:
    """Pages that are opened out of order, which redirect to the right page."""

    @pytest.mark.parametrize("page", ["index", "start", "register", "verify", "success", "failed"])
    def test_a_new_user_lands_on_start(self, demo: Person, page: str) -> None:
        assert demo.opens(page).is_at("start")

    @pytest.mark.parametrize("page", ["index", "start", "register", "verify", "success", "failed"])
    def test_a_user_who_is_not_signed_in_is_asked_to_sign_in(self, client: Any, db: None, page: str) -> None:
        from django.urls import reverse

        path = reverse(f"twilio_2fa:{page}")
        assert client.get(path)["Location"] == f"/login/?next={path}"
        # A POST shows a page first, because the entered values are lost.
        asked = client.post(path, {"method": "sms", "token": "123456"})
        assert asked.status_code == 403
        assert 'href="/2fa/"' in asked.content.decode()

    def test_success_needs_a_verification(self, sam: Person) -> None:
        assert sam.opens("success").is_at("start")
        sam.picks("sms").types_the_code()
        assert sam.opens("success").is_at("success")
        assert "We have checked it is you" in sam.text

    def test_a_verification_of_another_user_is_not_found(self, sam: Person, demo: Person) -> None:
        sam.opens("start").picks("sms")
        theirs = str(Verification.objects.get().public_id)
        demo.posts("verify", token=messages.last_code(PHONE), verification=theirs)
        assert demo.is_at("start")
        assert Verification.objects.get().status == Status.PENDING

    def test_verifying_does_not_change_another_users_verification(self, sam: Person, demo: Person) -> None:
        sam.opens("start").picks("sms")
        theirs = Verification.objects.get()
        demo.opens("start").picks("email").posts(email="demo@example.com")
        demo.posts("verify", token=messages.last_code(PHONE), verification=str(theirs.public_id))
        demo.posts("verify", action="resend", verification=str(theirs.public_id))
        theirs.refresh_from_db()
        assert (theirs.status, theirs.attempts, theirs.sends) == (Status.PENDING, 0, 1)
        assert not demo.is_verified

    @pytest.mark.parametrize("link", ["?c=1", "?action=retry", "?e=invalid_phone_number"])
    def test_links_of_0_32_open_pages_and_change_nothing(self, sam: Person, link: str) -> None:
        sam.opens("/2fa/start/" + link)
        assert sam.is_at("start")
        assert not Verification.objects.exists()

    def test_a_post_to_the_failed_page_starts_again(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTRATION = False
        demo.opens("start")
        assert demo.is_at("failed")
        assert demo.page.context["can_retry"]
        settings.TWILIO_2FA_ALLOW_REGISTRATION = True
        demo.posts("failed", action="retry")
        assert demo.is_at("start")

    def test_other_http_methods_are_refused(self, sam: Person) -> None:
        assert sam.client.put("/2fa/start/").status_code == 405


class TestSendingAtOnce:
    """Codes that a GET sends: only if a person opens the page in a browser, and once per session."""

    @pytest.fixture(autouse=True)
    def one_method(self, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]

    def test_with_a_single_choice_the_code_is_sent_at_once(self, pat: Person) -> None:
        assert pat.navigates("start").is_at("verify")
        assert pat.has_got() == 1

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"HTTP_SEC_FETCH_SITE": "cross-site"},
            {"HTTP_SEC_FETCH_DEST": "iframe"},
            {"HTTP_SEC_FETCH_DEST": "image"},
            {"HTTP_SEC_FETCH_MODE": "no-cors"},
            {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
            {"HTTP_PURPOSE": "prefetch"},
            {"HTTP_X_MOZ": "prefetch"},
        ],
    )
    def test_requests_that_are_not_by_a_person_send_nothing(
        self, pat: Person, headers: dict[str, str]
    ) -> None:
        from ..people import NAVIGATION

        pat.opens("start", **({**NAVIGATION, **headers} if headers else {}))
        assert pat.is_at("start")
        assert pat.page.context["single"]
        assert pat.has_got() == 0
        assert pat.picks("sms").is_at("verify")

    def test_a_code_is_sent_at_once_only_once_in_a_session(self, pat: Person, later: Any) -> None:
        pat.navigates("start")
        later(3600)
        assert pat.navigates("start").is_at("start")
        assert pat.has_got() == 1

    def test_a_head_request_sends_nothing(self, pat: Person) -> None:
        from ..people import NAVIGATION

        pat.client.head("/2fa/start/", **NAVIGATION)
        assert pat.has_got() == 0


class TestSendingToTheOnlyDevice:
    """Users with one phone, whose channels count as one choice."""

    def test_the_code_is_sent_by_the_first_channel(self, pat: Person) -> None:
        assert pat.navigates("start").is_at("verify")
        assert [m["channel"] for m in messages.delivered(PHONE)] == ["sms"]

    def test_the_code_is_sent_by_the_channel_used_last(self, pat: Person) -> None:
        pat.opens("start").picks("call").types_the_code()
        assert Person("pat").navigates("start").is_at("verify")
        assert [m["channel"] for m in messages.delivered(PHONE)] == ["call", "call"]

    def test_the_start_page_still_offers_the_other_channels(self, pat: Person) -> None:
        pat.navigates("start").navigates("start")
        assert pat.is_at("start")
        assert {"sms", "call"} <= set(pat.page.context["methods"])

    def test_with_a_second_phone_no_code_is_sent_at_once(self, pat: Person) -> None:
        Device.objects.register(pat.user, PhoneNumber(NEW_PHONE))
        assert pat.navigates("start").is_at("start")
        assert pat.has_got() == 0

    def test_a_new_user_chooses_the_channel_on_the_start_page(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "whatsapp"]
        assert demo.navigates("start").is_at("start")


class TestPages:
    def test_pages_are_not_cached_framed_or_open_to_forgery(self, sam: Person) -> None:
        from django.test import Client

        sam.opens("start")
        assert "no-store" in sam.page["Cache-Control"]
        assert sam.page["X-Frame-Options"] == "DENY"
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(sam.user)
        assert strict.post("/2fa/start/", {"method": "sms"}).status_code == 403

    def test_no_page_has_inline_script_or_style(self, sam: Person) -> None:
        import re

        pages = [sam.opens("start").page, sam.picks("sms").page, sam.opens("/2fa/devices/").page]
        sam.opens("verify").types_the_code()
        pages += [sam.page, sam.opens("/2fa/add/").page, sam.picks("sms").page]
        for page in pages:
            html = page.content.decode()
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", html), (
                page.request
            )


def test_a_whole_message_can_be_pasted(pat: Person) -> None:
    pat.opens("start").picks("sms")
    assert 'maxlength="1000"' in pat.page.content.decode()
    pat.types(f"Your Shop verification code is: {messages.last_code(PHONE)}. Valid for 10 minutes.")
    assert pat.is_verified
