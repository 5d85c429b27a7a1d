"""The order of the start page: the method and device that were used last come first."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import register_device

from ..clock import pass_time
from ..people import EMAIL, PHONE, Person

SECOND = "+12025550147"
MASKED = {PHONE: "(XXX) XXX-0143", SECOND: "(XXX) XXX-0147", EMAIL: "sXX@eXXXXXX.com"}


@pytest.fixture
def ann(db: None, settings: Any) -> Person:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", "recovery"]
    user = get_user_model().objects.create_user("ann", password="ann")
    register_device(user, PHONE)
    register_device(user, SECOND)
    register_device(user, EmailAddress(EMAIL))
    return Person("ann")


def verifies(method: str, to: str) -> None:
    """Verify in a new session."""
    pass_time(120)
    person = Person("ann").opens("start")
    device = str(Device.objects.get(masked=MASKED[to]).pk)
    assert person.picks(method, device).types_the_code(to).is_verified


def first() -> tuple[str, str]:
    return Person("ann").opens("start").choices[0]


def test_the_method_and_device_used_last_come_first(ann: Person) -> None:
    assert first() == ("sms", MASKED[PHONE])
    for method, to in (("call", SECOND), ("email", EMAIL), ("sms", SECOND)):
        verifies(method, to)
        assert first() == (method, MASKED[to])


def test_a_device_that_was_added_does_not_come_first(ann: Person) -> None:
    ann.opens("start").picks("call").types_the_code()
    ann.posts("/2fa/add/start/", method="sms").registers("202 555 0148").types_the_code("+12025550148")
    assert len(Device.objects.all()) == 4
    assert first() == ("call", MASKED[PHONE])


def test_the_default_device_comes_before_the_last_used(ann: Person) -> None:
    verifies("email", EMAIL)
    ann.opens("start").picks("email").types_the_code(EMAIL)
    ann.verifier.make_default(str(Device.objects.get(masked=MASKED[SECOND]).pk))
    assert first() == ("sms", MASKED[SECOND])
    verifies("call", SECOND)
    assert first() == ("call", MASKED[SECOND])


def test_a_failed_method_comes_last_even_if_it_was_used_last(ann: Person, settings: Any) -> None:
    verifies("call", PHONE)
    ann.opens("start")
    session = ann.client.session
    ann.picks("call", str(Device.objects.get(masked=MASKED[PHONE]).pk))
    session = ann.client.session
    state = session["twilio_2fa"]
    state["wizards"]["twilio_2fa_twilio_2fa"]["failing"] = "call"
    session.save()
    assert ann.opens("start").choices[-1][0] == "call"


def test_a_recovery_code_does_not_come_first(ann: Person) -> None:
    ann.opens("start").picks("sms").types_the_code()
    ann.posts("/2fa/add/start/", method="recovery").posts("/2fa/add/register/")
    codes = ann.page.context["codes"]
    assert ann.posts(saved="on").is_at("devices")
    Person("ann").opens("start").picks("recovery").types(codes[0])
    assert first() == ("sms", MASKED[PHONE])


def test_a_form_without_a_device_reaches_the_first_device(ann: Person) -> None:
    # Templates of 0.32 post only the method, and show the oldest number.
    verifies("sms", SECOND)
    before = ann.has_got(PHONE)
    Person("ann").opens("start").posts(method="sms")
    assert ann.has_got(PHONE) == before + 1
