"""The breaker and pauses with concurrent requests, on a real database server."""

from __future__ import annotations

import logging
import threading
from collections import Counter as Numbers
from itertools import islice
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Pause
from django_twilio_2fa.process import breaker, pauses
from django_twilio_2fa.sandbox.models import SandboxMessage
from django_twilio_2fa.verifier import Verifier

from ..helpers import at_once
from .people import Registrar, numbers, pass_time

pytestmark = [pytest.mark.server_database, pytest.mark.django_db(transaction=True)]

THREADS = 12


@pytest.fixture(autouse=True)
def quick(settings: Any, no_cooldown: None) -> None:
    settings.TWILIO_2FA_BREAKER = {"sends": 4, "numbers": 50}
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
    settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = None


def registrations(country: str, n: int) -> Any:
    """Return an action for threads: it asks for a code to a new number and returns the error's code or ''."""
    made = list(islice(numbers(country), 50, 50 + n))
    users = [get_user_model().objects.create(username=f"racer{i}", password="x") for i in range(n)]

    def ask(i: int) -> str:
        try:
            Verifier(users[i], flow="f").send("sms", to=PhoneNumber(made[i]))
        except errors.TwoFactorError as e:
            return e.full_code
        return ""

    return ask


def test_concurrent_requests_stop_a_country_once(monkeypatch: Any, caplog: Any) -> None:
    bot = Registrar("bot")
    for number in islice(numbers("LV"), 4):
        assert bot.asks(number)
    pass_time(660)
    begin, together, here = pauses.begin, threading.Barrier(THREADS), threading.local()

    def begin_together(*args: Any, **more: Any) -> None:
        # All requests find the reason for a stop before one of them stores the stop.
        if not hasattr(here, "met"):
            here.met = together.wait(60)
        begin(*args, **more)

    monkeypatch.setattr(pauses, "begin", begin_together)
    with caplog.at_level(logging.WARNING):
        told = at_once(registrations("LV", THREADS), THREADS)
    assert Numbers(told) == {"sending_paused": THREADS}
    assert SandboxMessage.objects.count() == 4
    # Each place is stopped once and logged once, although many requests found the reason.
    stops = Pause.objects.lasting()
    assert len({row.key for row in stops}) == stops.count() > 0
    assert {row.details["trips"] for row in stops} == {1}
    assert caplog.text.count("Registrations were stopped by the breaker") == stops.count()


def test_the_breaker_counts_all_concurrent_sends() -> None:
    told = at_once(registrations("LV", THREADS), THREADS)
    # All requests read the counts before one was counted, so a burst can be as large as the running requests.
    sent = told.count("")
    assert sent == SandboxMessage.objects.count()
    assert Counter.objects.get(scope="sent", key="sms|LV").n == sent
    pass_time(660)
    bot = Registrar("bot")
    assert bot.asks(next(numbers("LV"))) is None


def test_no_send_begins_after_a_pause_has_been_set() -> None:
    ask, paused = registrations("LV", THREADS), threading.Event()
    late: list[str] = []

    def act(i: int) -> None:
        if i == 0:
            call_command("twilio_2fa_pause", "--method", "sms", verbosity=0)
            paused.set()
        elif i < THREADS // 2:
            ask(i)
        else:
            assert paused.wait(60)
            late.append(ask(i))

    at_once(act, THREADS)
    assert late == ["sending_paused"] * (THREADS // 2)


def test_a_pause_stops_a_send_that_is_being_prepared(monkeypatch: Any) -> None:
    ask, counters = registrations("LV", 1), breaker.counters

    def counters_and_a_pause(*args: Any) -> Any:
        found = counters(*args)
        at_once(lambda i: call_command("twilio_2fa_pause", "--method", "sms", verbosity=0), 1)
        return found

    monkeypatch.setattr(breaker, "counters", counters_and_a_pause)
    assert ask(0) == "sending_paused"
    assert not SandboxMessage.objects.exists()


def test_concurrent_pauses_store_one_row() -> None:
    at_once(lambda i: call_command("twilio_2fa_pause", "--method", "sms", verbosity=0), 6)
    assert Pause.objects.lasting().count() == 1
    at_once(lambda i: call_command("twilio_2fa_pause", "--method", "sms", "--resume", verbosity=0), 6)
    assert not Pause.objects.lasting().exists()
    assert registrations("LV", 1)(0) == ""
