"""Sites that store phone numbers and e-mail addresses themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import twilio_2fa_set_user_data

from ..helpers import connected
from ..people import EMAIL, PHONE, Person
from . import callbacks
from .shows import shows

NEW = "+12025550147"


@pytest.fixture
def stores() -> Iterator[None]:
    with connected(twilio_2fa_set_user_data, callbacks.stores):
        yield


@pytest.fixture
def owner(demo: Person, settings: Any, stores: None) -> Person:
    """Return the user demo, whose phone number the site keeps in `first_name`."""
    settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.phone_of"
    demo.user.first_name = PHONE
    demo.user.save()
    return demo


@shows("PHONE_NUMBER_CB")
def test_phone_number_cb_returns_the_registered_number(owner: Person) -> None:
    owner.opens("start")
    assert ("sms", "(XXX) XXX-0143") in owner.choices
    owner.picks("sms").types_the_code()
    assert owner.is_verified


@shows("EMAIL_CB")
@pytest.mark.parametrize("name", ["email_of", "email_address_of"])
def test_email_cb_returns_the_registered_address(demo: Person, settings: Any, name: str) -> None:
    settings.TWILIO_2FA_EMAIL_CB = f"{callbacks.HERE}.{name}"
    demo.user.email = EMAIL
    demo.user.save()
    demo.opens("start")
    assert demo.choices == [("email", "sXX@eXXXXXX.com")]
    assert demo.picks("email").types_the_code(EMAIL).is_verified


def test_a_callback_replaces_stored_devices_of_the_same_kind(owner: Person) -> None:
    Device.objects.register(owner.user, PhoneNumber(NEW))
    assert {value for _method, value in owner.opens("start").choices} == {"(XXX) XXX-0143"}


def test_a_first_number_is_stored_by_the_site_only(demo: Person, settings: Any, stores: None) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.phone_number_of"
    demo.opens("start").picks("sms").registers().types_the_code()
    assert demo.is_verified
    assert not Device.objects.exists()
    demo.user.refresh_from_db()
    assert demo.user.first_name == PHONE


def test_a_value_the_site_did_not_store_shows_the_failed_page(
    demo: Person, settings: Any, caplog: Any
) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.phone_of"
    demo.opens("start").picks("sms").registers().types_the_code()
    assert demo.is_at("failed")
    assert demo.page.context["error_code"] == "user_data_not_stored"
    assert "TWILIO_2FA_PHONE_NUMBER_CB does not return it" in caplog.text
    assert not demo.is_verified


@pytest.mark.parametrize("name", ["raises", "rubbish"])
def test_a_callback_that_fails_closes_registration_and_is_logged(
    demo: Person, settings: Any, caplog: Any, name: str
) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CB = f"{callbacks.HERE}.{name}"
    demo.opens("start")
    assert demo.is_at("failed")
    assert demo.page.status_code == 200
    assert "TWILIO_2FA_PHONE_NUMBER_CB" in caplog.text
    demo.posts("start", method="sms").posts("register", country_code="US", phone_number="202 555 0147")
    assert not Verification.objects.exists()


def test_a_number_is_changed_at_the_site(owner: Person) -> None:
    owner.opens("start").picks("sms").types_the_code()
    owner.opens("change").picks("sms").registers("202 555 0147").types_the_code(NEW)
    owner.user.refresh_from_db()
    assert owner.user.first_name == NEW
    assert owner.is_at("devices")


def test_a_value_changed_by_the_site_has_to_be_verified(owner: Person) -> None:
    owner.opens("start").picks("sms").types_the_code()
    owner.user.first_name = NEW
    owner.user.save()
    fresh = Person("demo")
    fresh.opens("start").picks("sms").types_the_code(NEW)
    assert not fresh.is_verified
    messages_before = fresh.has_got(NEW)
    fresh.opens("start").picks("call").types_the_code(NEW)
    assert fresh.has_got(NEW) == messages_before + 1
    assert fresh.is_verified
    assert messages.delivered(NEW)[0]["channel"] == "call"


def test_a_code_to_a_number_the_site_replaced_proves_nothing(owner: Person) -> None:
    owner.opens("start").picks("sms")
    owner.user.first_name = NEW
    owner.user.save()
    owner.types_the_code()
    assert not owner.is_verified
