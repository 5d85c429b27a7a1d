"""Guessing: whatever is tried, in however many places at once, Twilio is asked as often as is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection  # noqa: F401  in the condition of a mark

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..people import Person
from ..test_races import at_once, twin

DEVICES = 12


def checks() -> int:
    """How many checks Twilio was asked for."""
    return sum(SandboxVerification.objects.values_list("checks", flat=True))


def many_devices() -> Any:
    user = get_user_model().objects.create_user("sam")
    for n in range(DEVICES):
        Device.objects.register(user, PhoneNumber(f"+120255501{n + 10}"))
    Device.objects.register(user, EmailAddress("sam@example.com"))
    return user


@pytest.fixture
def unlimited_sends(settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"sends_per_user": None, "sends_per_destination": None}
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


def guess(person: Person, n: int, client: Any = None) -> None:
    """One token, which is wrong for all but one code in a million."""
    (client or person.client).post("/2fa/verify/", {"token": f"{n * 7919 % 1000000:06}"})


def test_one_session_over_every_device_method_cancel_and_resend(db: None, unlimited_sends: None) -> None:
    many_devices()
    person = Person("sam")
    n = 0
    for device in Device.objects.all():
        for method in ("sms", "call") if device.kind == "phone_number" else ("email",):
            person.client.post("/2fa/start/", {"method": method, "device": str(device.pk)})
            for action in ("resend", "cancel", ""):
                n += 1
                guess(person, n)
                guess(person, n + 1000)
                if action:
                    person.client.post("/2fa/verify/", {"action": action})
    assert checks() == 10
    assert not person.is_verified


def test_many_sessions_over_every_device(db: None, unlimited_sends: None) -> None:
    many_devices()
    n = 0
    for _ in range(8):
        person = Person("sam")
        for device in Device.objects.filter(kind="phone_number"):
            person.client.post("/2fa/start/", {"method": "sms", "device": str(device.pk)})
            for _ in range(3):
                n += 1
                guess(person, n)
            person.client.post("/2fa/verify/", {"action": "cancel"})
    assert checks() == 30


def test_a_hundred_in_a_row_over_days(db: None, settings: Any, later: Any, unlimited_sends: None) -> None:
    settings.TWILIO_2FA_LIMITS |= {"wrong_tokens_per_session": None, "wrong_tokens_per_user": None}
    many_devices()
    person = Person("sam")
    n = 0
    for _ in range(3):
        for device in Device.objects.filter(kind="phone_number"):
            person.client.post("/2fa/start/", {"method": "sms", "device": str(device.pk)})
            for _ in range(5):
                n += 1
                guess(person, n)
        later(700)
    assert checks() == 100


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL")
@pytest.mark.parametrize(("sessions", "allowed"), [(1, 10), (6, 30)])
def test_in_parallel_over_tabs_sessions_devices_and_methods(
    transactional_db: None, unlimited_sends: None, sessions: int, allowed: int
) -> None:
    many_devices()
    people = [Person("sam").opens("start") for _ in range(sessions)]
    devices = [str(pk) for pk in Device.objects.filter(kind="phone_number").values_list("pk", flat=True)]

    def attack(i: int) -> None:
        person = people[i % sessions]
        client = twin(person)
        method = ("sms", "call")[i % 2]
        client.post("/2fa/start/", {"method": method, "device": devices[i % DEVICES]})
        for n in range(6):
            guess(person, i * 100 + n, client)

    for _ in range(6):
        at_once(attack, 16)
    # Whoever has waited for another's check makes none, so the last few are made one after the other.
    for device in devices:
        for person in people:
            person.client.post("/2fa/start/", {"method": "sms", "device": device})
            guess(person, 1)
    assert checks() == allowed
    assert not any(p.is_verified for p in people)


def test_an_approved_token_cannot_be_used_again(pat: Person) -> None:
    pat.opens("start").picks("sms")
    code = SandboxVerification.objects.get().code
    id = Verification.objects.get().public_id
    pat.types(code)
    assert pat.is_verified
    other = Person("pat")
    for data in ({"token": code}, {"token": code, "verification": str(id)}):
        other.posts("verify", **data)
        assert not other.is_verified
    other.page = None
    other.opens("start").picks("sms").types(code)
    assert other.is_verified is (SandboxVerification.objects.order_by("-pk")[0].code == code)
    assert Counter.objects.filter(scope="wrong_tokens_in_a_row").exists()
