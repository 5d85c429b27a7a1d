"""Concurrent requests in threads, on a real database server: each way keeps the same limits."""

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
from .threats import code, proves, wrong
from .ways import NEW, WAYS, Way, World

pytestmark = [
    pytest.mark.server_database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("way", WAYS),
]

THREADS = 12


@pytest.fixture
def sam(transactional_db: None, settings: Any, way: str) -> Way:
    return World(WAYS[way], settings).sam


def twin(way: Way) -> Way:
    """Return the same way with a client of its own, for a concurrent request of the session."""
    found = copy.copy(way)
    found.person = copy.copy(way.person)
    found.person.client = same_browser(way.person.client)
    return found


def test_concurrent_sends_send_one_message(sam: Way) -> None:
    at_once(lambda i: twin(sam).send("sms"), THREADS)
    assert len(messages.delivered(PHONE)) == 1
    assert Verification.objects.get().sends == 1


def test_concurrent_guesses_reach_twilio_five_times(sam: Way) -> None:
    sam.send("sms")
    guess, row = wrong(), sam.row
    at_once(lambda i: twin(sam).check(guess, row), THREADS)
    # A check that had to wait for another was refused, and can be tried again.
    for _ in range(6):
        sam.check(guess, row)
    assert SandboxVerification.objects.get().checks == 5
    assert not sam.person.is_verified


def test_concurrent_right_codes_approve_once(sam: Way) -> None:
    sam.send("sms")
    token, row = code(), sam.row
    with heard(twilio_2fa_verification_success) as told:
        at_once(lambda i: twin(sam).check(token, row), THREADS)
    assert len(told) == 1
    assert sam.person.is_verified
    assert Verification.objects.get().status == "approved"


def test_concurrent_changes_with_one_proof_change_one_number(sam: Way) -> None:
    proves(sam)
    numbers = [NEW[:-2] + str(n) for n in range(50, 53)]
    for number in numbers:
        sam.register(number)
    rows = {n: Verification.objects.filter(destination=n).last() for n in numbers}
    at_once(lambda i: twin(sam).check(code(numbers[i]), rows[numbers[i]]) if rows[numbers[i]] else None, 3)
    added = sam.person.user.twilio_2fa_devices.filter(value__in=numbers)
    assert added.count() == 1
