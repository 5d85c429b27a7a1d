"""Destinations: all spellings of a mailbox or phone are one destination, also in a changed numbering plan."""

from __future__ import annotations

import logging
from io import StringIO
from typing import Any

import phonenumbers
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxMessage
from django_twilio_2fa.signals import twilio_2fa_set_user_data
from django_twilio_2fa.testing import register_device

from ..api.test_api import Caller
from ..conf import callbacks
from ..helpers import connected
from ..people import Person

SPELLINGS = ["victim@example.com", "Victim@example.com", "vIctim@EXAMPLE.com", " VICTIM@example.com "]
IN_DNS = ["info@müller.de", "info@xn--mller-kva.de", "info@MÜLLER.de", "info@mu\u0308ller.de"]
TAGGED = ["victim+a@example.com", "victim+b@example.com", "Victim@example.com"]
AT_GMAIL = ["some.body@gmail.com", "somebody@gmail.com", "s.omebody+x@googlemail.com"]

# Benin's numbers had eight digits until 2024 and have ten now. A release of phonenumbers knows one form.
BENIN = ("+22997123456", "+2290197123456")
UNKNOWN = next(n for n in BENIN if not phonenumbers.is_valid_number(phonenumbers.parse(n)))

# A number that no numbering plan has, in any form.
IN_NO_PLAN = "+22912345678"


class TestAddresses:
    @pytest.mark.parametrize("spellings", [SPELLINGS, IN_DNS])
    def test_spellings_of_one_mailbox_have_one_identity(self, spellings: list[str]) -> None:
        assert len({EmailAddress(text).identity for text in spellings}) == 1

    @pytest.mark.parametrize("spellings", [SPELLINGS, IN_DNS, TAGGED, AT_GMAIL])
    def test_spellings_of_one_mailbox_share_one_limit(
        self, db: None, settings: Any, spellings: list[str]
    ) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = True
        answers = [Caller().asks("send", method="email", email=text) for _ in range(3) for text in spellings]
        assert [a.status_code for a in answers].count(200) == 2
        assert {a.status_code for a in answers} == {200, 429}
        assert SandboxMessage.objects.count() == 2

    def test_a_tag_makes_another_address_of_a_user(self) -> None:
        assert EmailAddress("sam+a@example.com").identity != EmailAddress("sam@example.com").identity

    def test_a_mailbox_cannot_be_registered_twice_by_one_user(self, demo: Person) -> None:
        demo.opens("start").picks("email").posts(email="Sam@Example.com")
        demo.types(messages.last_code("Sam@example.com"))
        assert [d.value for d in Device.objects.all()] == ["Sam@example.com"]
        demo.opens("/2fa/add/").picks("email").posts(email="sam@example.com")
        demo.types(messages.last_code("sam@example.com"))
        assert Device.objects.count() == 1

    def test_a_message_goes_to_the_address_as_entered(self, demo: Person) -> None:
        demo.opens("start").picks("email").posts(email="Sam.Smith@Example.com")
        assert messages.delivered("Sam.Smith@example.com")

    @pytest.mark.parametrize("address", ["josé@example.com", "пошта@example.com", "\uff53am@example.com"])
    def test_letters_that_servers_refuse_are_explained(self, demo: Person, address: str) -> None:
        with pytest.raises(errors.BadUserData):
            EmailAddress(address)
        demo.opens("start").picks("email").posts(email=address)
        assert "unaccented letters" in demo.text
        assert not SandboxMessage.objects.exists()

    def test_a_site_may_return_an_address_in_another_case(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = f"{callbacks.HERE}.email_of"

        def store(user: Any, value: Any, **kwargs: Any) -> None:
            get_user_model().objects.filter(pk=user.pk).update(email=str(value).upper())

        with connected(twilio_2fa_set_user_data, store):
            demo.opens("start").picks("email").posts(email="sam@example.com")
            demo.types(messages.last_code("sam@example.com"))
        assert demo.is_verified

    @given(
        st.from_regex(r"[a-zA-Z0-9.]{1,12}", fullmatch=True), st.sampled_from(["example.com", "müller.de"])
    )
    def test_case_never_makes_another_identity(self, local: str, domain: str) -> None:
        try:
            address = EmailAddress(f"{local}@{domain}")
        except errors.BadUserData:
            return
        assert EmailAddress(f"{local.upper()}@{domain.upper()}").identity == address.identity
        assert EmailAddress(address.identity).identity == address.identity


class TestNumberUnknownToday:
    @pytest.fixture
    def owner(self, demo: Person) -> Person:
        """Return a user with a registered number that phonenumbers does not know any more."""
        device = register_device(demo.user, PhoneNumber("+12025550143"))
        new = PhoneNumber.stored(UNKNOWN)
        Device.objects.filter(pk=device.pk).delete()
        Device.objects.register(demo.user, new)
        return demo

    @pytest.mark.parametrize("number", [UNKNOWN, IN_NO_PLAN])
    def test_a_stored_number_is_not_changed(self, number: str) -> None:
        assert not PhoneNumber.stored(number).is_valid
        assert str(PhoneNumber.stored(number)) == number

    def test_both_forms_of_a_number_are_one_destination(self) -> None:
        if not phonenumbers.is_valid_number(phonenumbers.parse(BENIN[1])):
            pytest.skip("this release of phonenumbers does not know the new form")
        assert PhoneNumber.stored(BENIN[0]).identity == PhoneNumber(BENIN[1]).identity == BENIN[1]
        assert PhoneNumber.stored(BENIN[0]).mailbox == BENIN[1]

    def test_a_registered_number_that_is_invalid_today_verifies(
        self, owner: Person, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["BJ"]
        with caplog.at_level(logging.WARNING, "django_twilio_2fa"):
            owner.opens("start").picks("sms")
        assert "phonenumbers does not consider the number of" in caplog.text
        assert UNKNOWN not in caplog.text
        assert owner.types(messages.last_code(UNKNOWN)).is_verified

    def test_a_number_of_a_disallowed_country_gets_no_code(
        self, owner: Person, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
        settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = ["BJ"]
        owner.opens("start").posts(method="sms")
        assert not owner.has_got(UNKNOWN)
        assert "can use none of them now" in caplog.text

    def test_a_number_that_is_invalid_today_cannot_be_registered(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["BJ"]
        demo.opens("start").picks("sms").registers(IN_NO_PLAN, "BJ")
        assert "Enter a phone number, like" in demo.text
        assert not SandboxMessage.objects.exists()

    def test_a_callback_may_return_a_number_that_is_invalid_today(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
        settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.phone_of"
        get_user_model().objects.filter(pk=demo.user.pk).update(first_name=IN_NO_PLAN)
        demo.opens("start").picks("sms")
        assert demo.types(messages.last_code(IN_NO_PLAN)).is_verified

    def test_a_changed_value_that_is_invalid_gets_no_code(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
        settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.phone_of"
        users = get_user_model().objects.filter(pk=demo.user.pk)
        users.update(first_name="+12025550143")
        demo.opens("start").picks("sms").types_the_code()
        users.update(first_name=IN_NO_PLAN)
        Person("demo").opens("start").posts(method="sms")
        assert not messages.delivered(IN_NO_PLAN)

    def test_a_command_lists_numbers_that_are_invalid_today(self, owner: Person) -> None:
        register_device(Person("demo").user, PhoneNumber("+12025550143"))
        out = StringIO()
        call_command("twilio_2fa_numbers", stdout=out)
        device = Device.objects.exclude(value="+12025550143").get()
        assert f"device {device.pk} of user {owner.user.pk}" in out.getvalue()
        assert "1 in all." in out.getvalue()
        assert UNKNOWN not in out.getvalue()

    @pytest.mark.parametrize("value", ["", "97123456", "+0123456", "+1", "+" + "9" * 16])
    def test_stored_text_that_was_never_a_number_is_refused(self, value: str) -> None:
        with pytest.raises(errors.InvalidPhoneNumber):
            PhoneNumber.stored(value)

    def test_the_mask_of_an_invalid_number_shows_four_digits(self) -> None:
        mask = PhoneNumber.stored(UNKNOWN).obfuscated.replace(" ", "")
        assert (mask[-4:], set(mask[:-4])) == ("3456", {"X"})
        assert PhoneNumber.stored(UNKNOWN).country_code == "BJ"


def test_two_spellings_of_an_address_share_one_verification(demo: Person) -> None:
    demo.opens("start").picks("email").posts(email="Sam@example.com")
    demo.posts("register", email="sam@example.com")
    assert Verification.objects.filter(status="pending").count() == 1
