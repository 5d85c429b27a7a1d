"""Numbers and addresses that a user enters, shown in full only in that session and until they are proven."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.models import Device, Verification

from ..helpers import wrong_code
from ..people import EMAIL, PHONE, Person

FULL = "+1 202-555-0143"
# Parts of the number, as it may be written.
DIGITS = ("202-555-0143", "202 555 0143", "2025550143", "555-0143", "(202)")


def shows(person: Person) -> bool:
    html = person.page.content.decode()
    return any(digits in html for digits in DIGITS)


def numbers(user: Any, request: Any = None) -> str:
    return PHONE


def test_a_number_that_is_being_registered_is_shown_in_full(demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    assert f"Phone number: {FULL}" in demo.text
    # Also after a wrong code, after a reload, and after a resend.
    assert FULL in demo.types_a_wrong_code().text
    assert FULL in demo.opens("verify").text
    assert FULL in demo.posts(action="resend").text


def test_extensions_and_addresses_are_shown_in_full(demo: Person) -> None:
    demo.opens("start").picks("call").registers("202 555 0143 ext. 12")
    assert f"{FULL} ext. 12" in demo.text
    demo.opens("start").picks("email").posts(email=EMAIL)
    assert f"Email address: {EMAIL}" in demo.text
    assert not shows(demo)


def test_a_number_is_masked_once_it_is_registered(demo: Person) -> None:
    demo.opens("start").picks("sms").registers().types_the_code()
    for page in ("success", "start", "devices", "verify", "/2fa/add/", "/2fa/change/"):
        assert not shows(demo.opens(page)), page
    again = Person("demo").opens("start").picks("sms")
    assert again.is_at("verify")
    assert not shows(again)


def test_another_session_does_not_show_the_entered_number(demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    public_id = str(Verification.objects.get().public_id)
    other = Person("demo")
    for page in ("verify", "register", "start"):
        assert not shows(other.opens(page)), page
    # The form's id of the verification does not help another session.
    assert not shows(other.posts("verify", token="123456", verification=public_id))
    assert not shows(other.posts("verify", action="resend", verification=public_id))


def test_a_log_out_hides_the_entered_number(demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    demo.client.logout()
    demo.client.force_login(demo.user)
    assert not shows(demo.opens("verify"))


def test_a_number_stored_by_the_site_is_never_shown(demo: Person, settings: Any) -> None:
    # The person who has to prove the number may know only its last digits.
    settings.TWILIO_2FA_PHONE_NUMBER_CB = numbers
    demo.opens("start").picks("sms")
    assert demo.is_at("verify")
    assert not shows(demo)
    assert not shows(demo.types(wrong_code("123456")))


def test_a_registered_number_is_masked_before_signing_in(
    transactional_db: None, settings: Any, client: Any
) -> None:
    settings.TWILIO_2FA_REQUIRED_CB = lambda user, request=None: True
    user = get_user_model().objects.create_user("ann", password="ann")
    Device.objects.create(user=user, kind="phone_number", value=PHONE, masked="(XXX) XXX-0143", digest="x")
    client.post("/login/", {"username": "ann", "password": "ann"})
    page = client.post("/2fa/start/", {"method": "sms"}, follow=True)
    assert page.request["PATH_INFO"] == "/2fa/verify/"
    assert not any(digits in page.content.decode() for digits in DIGITS)


def test_the_session_does_not_contain_the_entered_number(demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    kept = repr(dict(demo.client.session.items()))
    assert not any(digits in kept for digits in DIGITS)


@pytest.mark.parametrize("path", ["/2fa/change/{}/", "/2fa/add/"])
def test_only_the_new_number_is_shown_during_a_change(sam: Person, path: str) -> None:
    sam.opens("start").picks("sms").types_the_code()
    device = Device.objects.get(user=sam.user, kind="phone_number")
    sam.opens(path.format(device.pk))
    if not sam.path.endswith("/register/"):
        sam.picks("sms")
    sam.registers("202 555 0147")
    assert "+1 202-555-0147" in sam.text
    assert not shows(sam)
