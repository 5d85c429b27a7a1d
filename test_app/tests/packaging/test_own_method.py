"""A method of the project itself, without Twilio, which only a setting registers."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, Verification

from ..helpers import six_digits, wrong_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_pigeons(settings) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"pigeon": "demo.pigeon.provider.PigeonProvider"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "pigeon"]


@pytest.fixture
def user() -> User:
    return User.objects.create_user("walker")


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def last_code() -> str:
    return six_digits(mail.outbox[-1].body)


def test_an_own_method_is_offered_with_the_others(browser: Client) -> None:
    page = browser.get("/2fa/", follow=True)

    assert list(page.context["methods"]) == ["sms", "pigeon"]
    assert "Carrier pigeon" in page.content.decode()


def test_a_device_of_an_own_method_is_registered(browser: Client, user: User) -> None:
    browser.post("/2fa/start/", {"method": "pigeon"})
    page = browser.post("/2fa/register/", {"email": "walker@example.com"}, follow=True)
    assert page.templates[0].name == "twilio_2fa/pigeon/verify.html"
    assert "A pigeon is on its way" in page.content.decode()
    assert "Change email address" in page.content.decode()
    assert mail.outbox[-1].to == ["walker@example.com"]

    browser.post("/2fa/verify/", {"token": last_code()})

    assert Device.objects.get(user=user).value == "walker@example.com"
    assert browser.get("/secret/").status_code == 200


def test_a_wrong_code_verifies_nobody(browser: Client, user: User) -> None:
    Device.objects.register(user, EmailAddress("walker@example.com"))
    browser.post("/2fa/start/", {"method": "pigeon"})
    wrong = wrong_code(last_code())

    page = browser.post("/2fa/verify/", {"token": wrong}, follow=True)

    assert "token" in page.context["form"].errors
    assert browser.get("/secret/").status_code == 302


def test_the_code_of_an_own_method_is_stored_nowhere(browser: Client, user: User) -> None:
    Device.objects.register(user, EmailAddress("walker@example.com"))

    browser.post("/2fa/start/", {"method": "pigeon"})

    row = Verification.objects.filter(user=user).values().get()
    kept = {**row, "session": dict(browser.session)}
    assert mail.outbox
    assert last_code() not in str(kept)


def test_removing_the_setting_removes_the_own_method(browser: Client, settings) -> None:
    settings.TWILIO_2FA_PROVIDERS = {}

    page = browser.get("/2fa/start/", follow=True)

    assert "Carrier pigeon" not in page.content.decode()
