"""Falling back to another method if no code arrives. Earlier sends still count."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox.models import SandboxMessage

from ..people import EMAIL, PHONE, Person

NO_WHATSAPP = "202 555 0172"
LANDLINE = "202 555 0150"


def offered_first(person: Person) -> str:
    """Return the method that the page offers before a resend, or an empty string while none is visible."""
    found = person.page.context["fallback"]
    return found["method"] if found and not found["after"] else ""


def sends() -> int:
    return Verification.objects.get().sends


@pytest.fixture
def asked(sam: Person) -> Person:
    """Return Sam, who has a phone and an e-mail address, after a text message was sent."""
    return sam.opens("start").picks("sms")


class TestNoCodeArrives:
    def test_another_method_is_not_offered_first_at_the_beginning(self, asked: Person) -> None:
        assert offered_first(asked) == ""
        assert 'hidden data-reveal-after="60"' in asked.page.content.decode()

    def test_another_method_comes_first_after_a_minute(self, asked: Person, later: Any) -> None:
        later(60)
        assert offered_first(asked.opens("verify")) == "call"
        page = asked.page.content.decode()
        assert page.index("Not received it?") < page.index("Send the code again")

    def test_another_method_comes_first_on_the_start_page(self, asked: Person, later: Any) -> None:
        assert [m for m, _masked in asked.opens("start").choices] == ["sms", "call", "whatsapp", "email"]
        later(60)
        assert [m for m, _masked in asked.opens("start").choices] == ["call", "whatsapp", "email", "sms"]

    def test_another_method_comes_first_after_the_third_send(self, asked: Person, later: Any) -> None:
        for wait in (31, 41):
            assert offered_first(asked) == ""
            later(wait)
            asked.posts("verify", action="resend")
        assert sends() == 3
        assert offered_first(asked) == "call"

    def test_a_call_continues_the_verification_and_counts_as_a_send(self, asked: Person, later: Any) -> None:
        later(60)
        asked.opens("verify").posts(action="resend", method="call")
        assert sends() == 2
        codes = {m.body for m in SandboxMessage.objects.filter(to=PHONE)}
        assert [m.channel for m in SandboxMessage.objects.order_by("pk")] == ["sms", "call"]
        assert len(codes) == 2
        assert Verification.objects.get().method == "call"
        assert asked.types_the_code().is_verified

    def test_another_method_does_not_avoid_the_cooldown(self, asked: Person) -> None:
        asked.posts("verify", action="resend", method="call")
        assert sends() == 1
        assert "You chose: Phone call." in asked.text

    @pytest.mark.parametrize("method", ["email", "owl", "totp", "recovery", "\0"])
    def test_a_method_that_cannot_reach_the_device_is_refused(
        self, asked: Person, later: Any, method: str
    ) -> None:
        later(60)
        asked.posts("verify", action="resend", method=method)
        assert sends() == 1
        assert "You cannot use that way. Choose another." in asked.text

    def test_a_user_with_one_method_gets_no_fallback(self, sam: Person, settings: Any, later: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
        sam.opens("start").picks("sms")
        later(60)
        assert sam.opens("verify").page.context["fallback"] is None

    def test_another_device_is_offered_if_there_is_no_other_method(
        self, sam: Person, settings: Any, later: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email"]
        sam.opens("start").picks("sms")
        later(60)
        assert offered_first(sam.opens("verify")) == "email"
        found = sam.page.context["fallback"]
        sam.posts("start", method="email", device=found["device"])
        assert sam.types_the_code(EMAIL).is_verified

    def test_while_registering_a_call_to_the_number_is_offered(self, demo: Person, later: Any) -> None:
        demo.opens("start").picks("sms").registers()
        later(60)
        assert offered_first(demo.opens("verify")) == "call"
        demo.posts(action="resend", method="call")
        assert demo.types_the_code().is_verified
        assert Device.objects.get().value == PHONE


class TestAFaultOfOneChannel:
    def test_unconfigured_whatsapp_falls_back_to_a_text_message(self, demo: Person) -> None:
        demo.opens("start").picks("whatsapp").registers(NO_WHATSAPP)
        assert demo.page.status_code == 200
        assert demo.page.context["method"]["value"] == "sms"
        assert "Try another way" in demo.text
        # The form still contains the entered number.
        assert NO_WHATSAPP in demo.page.content.decode()
        demo.registers(NO_WHATSAPP)
        assert demo.types_the_code("+12025550172").is_verified

    def test_a_number_without_whatsapp_is_offered_other_methods(self, demo: Person, settings: Any) -> None:
        demo.opens("start").picks("sms").registers(NO_WHATSAPP).types_the_code("+12025550172")
        again = Person("demo").opens("start").picks("whatsapp")
        assert again.is_at("start")
        assert "Try another way" in again.text
        assert [m for m, _masked in again.choices] == ["sms", "call", "whatsapp"]
        assert again.picks("sms").types_the_code("+12025550172").is_verified

    def test_a_landline_gets_a_call_instead_of_a_text_message(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False
        demo.opens("start").picks("sms").registers(LANDLINE)
        assert "cannot get text messages" in demo.text
        assert demo.page.context["method"]["value"] == "call"
        assert demo.registers(LANDLINE).types_the_code("+12025550150").is_verified

    def test_sends_that_the_channel_refused_have_a_separate_limit(self, demo: Person) -> None:
        demo.opens("start").picks("whatsapp").registers(NO_WHATSAPP)
        assert sends() == 0
        demo.registers(NO_WHATSAPP)
        assert sends() == 1
        assert max(Counter.objects.filter(scope__startswith="unproven").values_list("n", flat=True)) == 1
        assert max(Counter.objects.filter(scope__startswith="refused").values_list("n", flat=True)) == 1

    def test_an_outage_does_not_change_the_order_of_methods(self, demo: Person) -> None:
        demo.opens("start").picks("whatsapp").registers("202 555 0160")
        assert [m for m, _masked in demo.opens("start").choices] == ["sms", "call", "whatsapp", "email"]

    def test_a_resend_refused_by_the_channel_offers_another_method(self, sam: Person, later: Any) -> None:
        device = Device.objects.get(kind="phone_number")
        Device.objects.filter(pk=device.pk).delete()
        from django_twilio_2fa.contacts import PhoneNumber

        Device.objects.register(sam.user, PhoneNumber("+12025550172"))
        sam.opens("start").picks("sms")
        later(31)
        sam.posts("verify", action="resend", method="whatsapp")
        assert sam.is_at("verify")
        assert "Try another way" in sam.text
        assert sam.types_the_code("+12025550172").is_verified
