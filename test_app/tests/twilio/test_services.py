"""A site with a Verify service for each tenant. The service that sends a code also checks it."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import authenticators, clock, messages
from django_twilio_2fa.sandbox.models import SandboxFactor, SandboxVerification

from ..conf.shows import shows
from ..people import PHONE, Person

NORTH, SOUTH, JOINING = ("VA" + digit * 32 for digit in "123")
TENANTS = {"north.example.com": NORTH, "south.example.com": SOUTH}


def by_host(request: Any = None, user: Any = None) -> str:
    return TENANTS.get(request.get_host(), NORTH) if request is not None else NORTH


@pytest.fixture(autouse=True)
def tenants(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*TENANTS, "testserver"]
    settings.TWILIO_2FA_SERVICE_ID = by_host
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


def at(person: Person, host: str) -> Person:
    person.client.defaults["SERVER_NAME"] = host
    person.page = None
    return person


def services() -> set[str]:
    return set(SandboxVerification.objects.values_list("service_sid", flat=True))


@shows("SERVICE_ID")
@pytest.mark.parametrize("host", TENANTS)
def test_a_code_is_sent_by_the_service_of_the_request(pat: Person, host: str) -> None:
    at(pat, host).opens("start").picks("sms")
    assert services() == {TENANTS[host]}
    assert Verification.objects.get().service == TENANTS[host]
    assert pat.types_the_code().is_verified


def test_a_check_uses_the_service_that_sent_the_code(pat: Person, settings: Any) -> None:
    at(pat, "south.example.com").opens("start").picks("sms")
    settings.TWILIO_2FA_SERVICE_ID = NORTH
    assert pat.types_the_code().is_verified
    assert SandboxVerification.objects.get().status == "approved"


def test_a_resend_uses_the_service_that_sent_the_code(pat: Person, settings: Any, later: Any) -> None:
    at(pat, "south.example.com").opens("start").picks("sms")
    settings.TWILIO_2FA_SERVICE_ID = NORTH
    later(60)
    pat.posts("verify", action="resend")
    assert pat.has_got() == 2
    assert services() == {SOUTH}


def test_cancel_uses_the_service_that_sent_the_code(pat: Person, settings: Any) -> None:
    at(pat, "south.example.com").opens("start").picks("sms")
    settings.TWILIO_2FA_SERVICE_ID = NORTH
    pat.posts("verify", action="cancel")
    assert SandboxVerification.objects.get().status == "canceled"


def test_two_tenants_have_separate_codes(pat: Person) -> None:
    at(pat, "north.example.com").opens("start").picks("sms")
    other = at(Person("pat"), "south.example.com").opens("start").picks("sms")
    assert services() == {NORTH, SOUTH}
    assert other.types(messages.last_code(PHONE)).is_verified
    assert not pat.is_verified


def test_an_authenticator_is_checked_by_its_own_service(
    demo: Person, settings: Any, monkeypatch: Any
) -> None:
    now = [1_800_000_000.0]
    monkeypatch.setattr(clock, "time", lambda: now[0])
    at(demo, "south.example.com").opens("start").picks("totp").posts(name="")
    secret = SandboxFactor.objects.get().secret
    demo.types(authenticators.current_code(secret))
    assert Device.objects.get().data["service"] == SOUTH
    now[0] += 60
    later = at(Person("demo"), "north.example.com").opens("start").picks("totp")
    assert later.types(authenticators.current_code(secret)).is_verified


@shows("REGISTRATION_SERVICE_ID")
def test_registrations_use_a_separate_service_by_request(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = lambda request: JOINING
    demo.opens("start").picks("sms").registers()
    assert services() == {JOINING}
    assert demo.types_the_code().is_verified


def test_a_failing_service_callback_sends_nothing(pat: Person, settings: Any) -> None:
    def fails(user: Any) -> str:
        raise RuntimeError("no tenant")

    settings.TWILIO_2FA_SERVICE_ID = fails
    pat.opens("start").picks("sms")
    assert not pat.has_got()
    assert "there is a problem with sending" in pat.text


@shows("SERVICE_NAME")
def test_the_name_in_a_message_may_depend_on_the_user(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_SERVICE_NAME = lambda user: f"Shop of {user.get_username()}"
    pat.opens("start").picks("sms")
    assert messages.delivered(PHONE)[0]["body"].startswith("Your Shop of pat")
