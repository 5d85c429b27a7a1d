"""The same at once, in threads, on a real database server: no road lets more through than the others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import connection  # noqa: F401 - for skipif

from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.signals import twilio_2fa_verification_success

from ..people import PHONE
from ..test_races import at_once
from ..test_races import twin as client_of
from .roads import NEW, ROADS, Road, World
from .threats import code, proves, wrong

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="needs a database server: set DATABASE_URL"),
    pytest.mark.parametrize("road", ROADS),
]

THREADS = 12


@pytest.fixture
def sam(transactional_db: None, settings: Any, road: str) -> Road:
    return World(ROADS[road], settings).sam


def twin(road: Road) -> Road:
    """Another request of the same session, with a client of its own."""
    found = copy.copy(road)
    found.person = copy.copy(road.person)
    found.person.client = client_of(road.person)
    return found


def test_one_message_is_sent(sam: Road) -> None:
    at_once(lambda i: twin(sam).send("sms"), THREADS)
    assert len(messages.delivered(PHONE)) == 1
    assert Verification.objects.get().sends == 1


def test_five_guesses_reach_twilio(sam: Road) -> None:
    sam.send("sms")
    guess, row = wrong(), sam.row
    at_once(lambda i: twin(sam).check(guess, row), THREADS)
    # Whoever had to wait for another's check was told so, and tries again.
    for _ in range(6):
        sam.check(guess, row)
    assert SandboxVerification.objects.get().checks == 5
    assert not sam.person.is_verified


def test_one_approval_is_recorded_and_told(sam: Road) -> None:
    told = []

    def receiver(**kwargs: Any) -> None:
        told.append(kwargs)

    sam.send("sms")
    token, row = code(), sam.row
    twilio_2fa_verification_success.connect(receiver)
    try:
        at_once(lambda i: twin(sam).check(token, row), THREADS)
    finally:
        twilio_2fa_verification_success.disconnect(receiver)
    assert len(told) == 1
    assert sam.person.is_verified
    assert Verification.objects.get().status == "approved"


def test_one_proof_registers_one_number(sam: Road) -> None:
    proves(sam)
    numbers = [NEW[:-2] + str(n) for n in range(50, 53)]
    for number in numbers:
        sam.register(number)
    rows = {n: Verification.objects.filter(destination=n).last() for n in numbers}
    at_once(lambda i: twin(sam).check(code(numbers[i]), rows[numbers[i]]) if rows[numbers[i]] else None, 3)
    added = sam.person.user.twilio_2fa_devices.filter(value__in=numbers)
    assert added.count() == 1
