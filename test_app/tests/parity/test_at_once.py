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

from ..helpers import at_once, heard, same_browser
from ..people import PHONE
from .roads import NEW, ROADS, Road, World
from .threats import code, proves, wrong

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
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
    found.person.client = same_browser(road.person.client)
    return found


def test_concurrent_sends_send_one_message(sam: Road) -> None:
    at_once(lambda i: twin(sam).send("sms"), THREADS)
    assert len(messages.delivered(PHONE)) == 1
    assert Verification.objects.get().sends == 1


def test_concurrent_guesses_reach_twilio_five_times(sam: Road) -> None:
    sam.send("sms")
    guess, row = wrong(), sam.row
    at_once(lambda i: twin(sam).check(guess, row), THREADS)
    # Whoever had to wait for another's check was told so, and tries again.
    for _ in range(6):
        sam.check(guess, row)
    assert SandboxVerification.objects.get().checks == 5
    assert not sam.person.is_verified


def test_concurrent_right_codes_are_one_approval(sam: Road) -> None:
    sam.send("sms")
    token, row = code(), sam.row
    with heard(twilio_2fa_verification_success) as told:
        at_once(lambda i: twin(sam).check(token, row), THREADS)
    assert len(told) == 1
    assert sam.person.is_verified
    assert Verification.objects.get().status == "approved"


def test_concurrent_changes_with_one_proof_change_one_number(sam: Road) -> None:
    proves(sam)
    numbers = [NEW[:-2] + str(n) for n in range(50, 53)]
    for number in numbers:
        sam.register(number)
    rows = {n: Verification.objects.filter(destination=n).last() for n in numbers}
    at_once(lambda i: twin(sam).check(code(numbers[i]), rows[numbers[i]]) if rows[numbers[i]] else None, 3)
    added = sam.person.user.twilio_2fa_devices.filter(value__in=numbers)
    assert added.count() == 1
