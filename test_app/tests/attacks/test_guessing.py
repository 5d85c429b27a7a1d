"""Threat: an attacker guesses a token by trying more often than the limits allow.

The attacker uses other tabs, sessions, devices, cancels, resends and methods, one by one and concurrently.

Each test asserts that exactly as many checks reach Twilio as the limit allows.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.process import rate_limits
from django_twilio_2fa.sandbox import messages

from ..helpers import at_once
from ..people import EMAIL, PHONE, Person
from ..process.test_races import twin
from .scene import NO_SEND_LIMITS, checks, newest, wrong_code_for

THREADS = 16
ADDRESSES = [f"sam{n}@example.com" for n in range(24)]

on_a_server = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(autouse=True)
def clock(monkeypatch: Any, settings: Any) -> list[float]:
    """Stop the clock in the middle of a window, so that no window ends during a test. Do not limit sends."""
    now = [1_800_000_000.0 + 1800]
    monkeypatch.setattr(rate_limits.time, "time", lambda: now[0])
    settings.TWILIO_2FA_LIMITS = dict(NO_SEND_LIMITS)
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    return now


def limit(settings: Any, **limits: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {**NO_SEND_LIMITS, **limits}


# Sequential guesses


def opens_another_browser(thief: Person) -> None:
    thief.client = Client()
    thief.client.force_login(thief.user)


ACTIONS = {
    "again": lambda thief: None,
    "resend": lambda thief: thief.posts("verify", action="resend"),
    "cancel": lambda thief: thief.posts("verify", action="cancel"),
    "log-in": lambda thief: (thief.client.logout(), thief.client.force_login(thief.user)),
    "another-browser": opens_another_browser,
    "retry": lambda thief: thief.posts("failed", action="retry"),
    "new-row": lambda thief: Verification.objects.filter(user=thief.user, status="pending").update(
        status="canceled", pending_key=None
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_no_action_resets_the_attempts_of_a_user(sam: Person, settings: Any, action: str) -> None:
    limit(settings, wrong_tokens_per_session=None, wrong_tokens_per_user="7/h")
    choices = itertools.cycle([("sms", PHONE), ("email", EMAIL), ("call", PHONE), ("whatsapp", PHONE)])
    for method, to in itertools.islice(choices, 16):
        sam.opens("start").posts("start", method=method)
        sam.posts("verify", token=wrong_code_for(to))
        ACTIONS[action](sam)
    assert checks() == 7


@pytest.mark.parametrize("action", ["again", "resend", "cancel", "retry", "new-row"])
def test_no_action_resets_the_attempts_of_a_session(sam: Person, settings: Any, action: str) -> None:
    limit(settings, wrong_tokens_per_session="4/h")
    for method, to in [("sms", PHONE), ("email", EMAIL), ("call", PHONE), ("whatsapp", PHONE)] * 3:
        sam.opens("start").posts("start", method=method)
        sam.posts("verify", token=wrong_code_for(to))
        ACTIONS[action](sam)
    assert checks() == 4


def test_methods_tabs_and_sessions_share_five_tries_of_a_code(pat: Person, later: Any) -> None:
    for n in range(9):
        person = Person("pat").opens("start").posts("start", method=("sms", "call", "whatsapp")[n % 3])
        person.posts("verify", token=wrong_code_for(PHONE))
        person.posts("verify", action="resend")
    assert checks() == 5


def test_all_wizards_share_the_tries_of_a_user(pat: Person, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.mounts"
    limit(settings, wrong_tokens_per_user="6/h")
    for mount in ["twilio_2fa", "short"] * 5:
        person = Person("pat", mount=mount).opens("start").picks("sms")
        if person.is_at("verify"):
            person.types(wrong_code_for(PHONE))
            person.posts("verify", action="cancel")
    assert checks() == 6


def test_guesses_while_adding_a_device_count_for_the_user(pat: Person, settings: Any) -> None:
    limit(settings, wrong_tokens_per_user="6/h")
    pat.opens("start").picks("sms").types_the_code()
    right = checks()
    pat.opens("/2fa/add/").picks("sms")
    for n in range(9):
        pat.posts("/2fa/add/register/", country_code="US", phone_number=f"202 555 01{n + 10}")
        pat.posts("/2fa/add/verify/", token="000000")
    assert checks() - right == 6


def test_a_right_token_does_not_reset_used_attempts(pat: Person, settings: Any) -> None:
    limit(settings, wrong_tokens_per_user="6/h")
    wrong = right = 0
    for n in range(20):
        person = Person("pat").opens("start").picks("sms")
        if not person.is_at("verify"):
            break
        before = checks()
        if n % 3 == 2:
            person.types(messages.last_code(PHONE))
            right += checks() - before
        else:
            person.types(wrong_code_for(PHONE))
            wrong += checks() - before
            person.posts("verify", action="cancel")
    assert (wrong, right) == (6, 2)


def test_text_that_cannot_be_a_token_is_never_checked(pat: Person) -> None:
    pat.opens("start").picks("sms")
    for typed in ("", "1", "12345", "1234567", "abcdef", "12345\0", "1" * 10_000, "½½½½½½", "²²²²²²"):
        pat.posts("verify", token=typed)
    assert checks() == 0
    assert newest(pat).attempts == 0
    assert not Counter.objects.filter(scope__startswith="wrong", n__gt=0).exists()


def test_a_replayed_token_changes_nothing(pat: Person) -> None:
    pat.opens("start").picks("sms")
    code, row = messages.last_code(PHONE), newest(pat)
    pat.types(code)
    for _ in range(5):
        pat.posts("verify", token=code, verification=str(row.public_id))
        pat.posts("verify", token=code)
    assert checks() == 1
    other = Person("pat").opens("start")
    for _ in range(3):
        other.posts("verify", token=code, verification=str(row.public_id))
    assert checks() == 1
    assert not other.is_verified


def test_a_locked_user_gets_the_same_page_for_any_token(pat: Person, settings: Any) -> None:
    limit(settings, wrong_tokens_per_user="2/h")
    pat.opens("start").picks("sms")
    for _ in range(2):
        pat.types(wrong_code_for(PHONE))
    seen = []
    for code in (messages.last_code(PHONE), wrong_code_for(PHONE)):
        pat.posts("verify", token=code)
        seen.append((pat.path, pat.text))
    assert seen[0] == seen[1]
    assert not pat.is_verified
    assert checks() == 2


@pytest.fixture
def crowd(transactional_db: None) -> Person:
    """Return a user with a phone and many e-mail addresses, so with many codes to guess."""
    user = get_user_model().objects.create_user("sam", password="sam")
    Device.objects.register(user, PhoneNumber(PHONE))
    for address in ADDRESSES:
        Device.objects.register(user, EmailAddress(address))
    return Person("sam").opens("start")


def rows_to_guess_at(person: Person, n: int) -> list[tuple[str, str]]:
    """Return the public ids of `n` pending verifications, each with a wrong code."""
    devices = Device.objects.filter(user=person.user, kind="email")[:n]
    for device in devices:
        person.client.post("/2fa/start/", {"method": "email", "device": str(device.pk)})
    rows = Verification.objects.filter(user=person.user, status="pending").order_by("pk")
    found = [(str(r.public_id), wrong_code_for(r.destination)) for r in rows]
    assert len(found) == n
    return found


def guess(client: Client, row: tuple[str, str]) -> None:
    client.post("/2fa/verify/", {"verification": row[0], "token": row[1]})


class TestAtOnce:
    pytestmark = on_a_server

    def test_one_session_has_ten_wrong_codes_an_hour(self, crowd: Person) -> None:
        rows = rows_to_guess_at(crowd, THREADS)
        for _ in range(2):
            at_once(lambda i: guess(twin(crowd), rows[i]), THREADS)
        assert checks() == 10

    def test_all_sessions_of_a_user_have_thirty_wrong_codes_an_hour(self, crowd: Person) -> None:
        rows = rows_to_guess_at(crowd, THREADS)
        others = [crowd, *(Person("sam").opens("start") for _ in range(7))]
        for person in others[1:]:
            person.posts("start", method="email")
        for n in range(4):
            at_once(lambda i, n=n: guess(twin(others[i % 8]), rows[(i + n) % THREADS]), THREADS)
        assert checks() == 30

    def test_a_hundred_wrong_tokens_in_a_row_lock_the_user(self, crowd: Person, settings: Any) -> None:
        limit(settings, wrong_tokens_per_session=None, wrong_tokens_per_user=None)
        rows = rows_to_guess_at(crowd, 24)
        for _ in range(6):
            at_once(lambda i: guess(twin(crowd), rows[i % 24]), 24)
        assert checks() == 100
        assert "unlock it" in Person("sam").opens("start").picks("sms").text

    def test_concurrent_sends_and_cancels_allow_no_more_guesses(self, crowd: Person, settings: Any) -> None:
        limit(settings, wrong_tokens_per_user="12/h")
        devices = [str(d.pk) for d in Device.objects.filter(kind="email")[:THREADS]]
        people = [Person("sam").opens("start") for _ in range(THREADS)]

        def attack(i: int) -> None:
            for n in range(3):
                client = people[i].client
                client.post("/2fa/start/", {"method": "email", "device": devices[(i + n) % THREADS]})
                client.post("/2fa/verify/", {"token": wrong_code_for(ADDRESSES[(i + n) % THREADS])})
                client.post("/2fa/verify/", {"action": ("resend", "cancel")[n % 2]})

        at_once(attack, THREADS)
        assert checks() == 12

    def test_on_success_is_called_once_for_a_code_sent_many_times(self, crowd: Person, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.mounts"
        from ..mounts import DONE

        DONE.clear()
        buyer = Person("sam", mount="short").opens("start").picks("sms")
        code = messages.last_code(PHONE)
        at_once(lambda i: twin(buyer).post("/short/verify/", {"token": code}), THREADS)
        assert DONE == ["sms"]
        assert buyer.is_verified
