"""Threat: an attacker registers a number while its owner verifies with it. Twilio sees one verification.

The tests run the steps of both in every order. The owner is always verified, the attacker gains nothing, and
no page tells either of them anything about the other.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import comb
from typing import Any

import pytest

from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..clock import pass_time
from ..helpers import same_browser
from ..loopback_twilio import LoopbackTwilio
from ..people import PHONE, Person
from .scene import NO_SEND_LIMITS, made, shown, values, wrong_code_for
from .starts import rolled_back

pytestmark = pytest.mark.usefixtures("sessions_in_database")

Step = Callable[[Person], Any]
ANOTHER_SERVICE = "VA" + "7" * 32


def opens(person: Person) -> None:
    person.opens("start")


def picks(person: Person) -> None:
    person.posts("start", method="sms")


def registers(person: Person) -> None:
    person.client.post("/2fa/start/", {"method": "sms"})
    person.posts("register", country_code="US", phone_number="202 555 0143")


def guesses(person: Person) -> None:
    person.posts("verify", token=wrong_code_for(PHONE))


def guesses_till_the_end(person: Person) -> None:
    for _ in range(6):
        guesses(person)


def resends(person: Person) -> None:
    person.posts("verify", action="resend")


def cancels(person: Person) -> None:
    person.posts("verify", action="cancel")


def corrects(person: Person) -> None:
    person.posts("register", country_code="US", phone_number="202 555 0177")


def types(person: Person) -> None:
    """Type the code that was delivered last. Only the owner does so: the attacker never sees it."""
    person.posts("verify", token=messages.last_code(PHONE))


def types_the_code_for_verifying(person: Person) -> None:
    """Type the code of the service for verifying. The owner's phone shows codes of two services."""
    rows = SandboxVerification.objects.exclude(service_sid=ANOTHER_SERVICE)
    person.posts("verify", token=rows.latest("pk").code)


OWNER = {
    "types": (picks, types),
    "mistypes": (picks, guesses, types),
    "resends": (picks, resends, types),
    "begins-again": (picks, cancels, picks, types),
}
UNAUTHENTICATED = {
    "guesses-and-cancels": (registers, guesses, cancels),
    "cancels-and-comes-back": (registers, cancels, registers),
    "corrects": (registers, corrects, registers),
    "resends": (registers, resends, guesses),
}

# All combinations would be twice as many orders and test nothing more.
PAIRS = [
    *(("types", theirs) for theirs in UNAUTHENTICATED),
    ("mistypes", "guesses-and-cancels"),
    ("resends", "resends"),
    ("begins-again", "guesses-and-cancels"),
]


class Two:
    """The owner of the number, the attacker, and all pages that each has seen."""

    def __init__(self, owners: bool = True) -> None:
        self.owner = made("owner", *([PHONE] if owners else []))
        self.attacker = made("attacker")
        self.seen: dict[bool, list[str]] = {True: [], False: []}
        self.steps: list[tuple[str, str]] = []

    def from_here(self) -> Two:
        """Return a copy of both as they are now, to continue in one of several orders."""
        two = copy(self)
        two.owner, two.attacker = copy(self.owner), copy(self.attacker)
        for person in (two.owner, two.attacker):
            person.client = same_browser(person.client)
        two.seen = {who: list(pages) for who, pages in self.seen.items()}
        two.steps = list(self.steps)
        return two

    def do(self, owners: bool, step: Step) -> None:
        person = self.owner if owners else self.attacker
        step(person)
        assert person.page.status_code == 200
        self.seen[owners].append(person.page.content.decode())
        self.steps.append(("owner" if owners else "attacker", step.__name__))

    def is_well(self) -> bool:
        assert self.owner.is_verified, self.steps
        assert values(self.owner) == [PHONE]
        assert not self.attacker.is_verified
        assert values(self.attacker) == []
        assert self.attacker.opens("/secret/").is_at("start")
        code = messages.last_code(PHONE)
        for mine, other in ((True, "attacker"), (False, "owner")):
            for page in self.seen[mine]:
                assert other not in page
                assert "another user" not in page
                assert "somebody else" not in page
                assert code not in page
        return True


def in_every_order(
    two: Two, mine: tuple[Step, ...], theirs: tuple[Step, ...], check_end: Callable[[Two], Any]
) -> int:
    """Run the steps of both in every order that keeps the order of each, and call `check_end` after each run.

    Orders with the same beginning share it. Return the number of orders.
    """
    if not mine and not theirs:
        check_end(two)
        return 1
    orders = 0
    for owners, steps in ((True, mine), (False, theirs)):
        if steps:
            with rolled_back():
                here = two.from_here()
                here.do(owners, steps[0])
                left = (mine[1:], theirs) if owners else (mine, theirs[1:])
                orders += in_every_order(here, *left, check_end)
    return orders


def goes_well(two: Two) -> None:
    assert two.is_well(), two.steps


@pytest.fixture(autouse=True)
def sends_are_free(settings: Any) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_LIMITS = NO_SEND_LIMITS


@pytest.mark.parametrize(("mine", "theirs"), PAIRS)
def test_the_owner_verifies_while_an_attacker_registers(db: None, mine: str, theirs: str) -> None:
    steps = OWNER[mine], UNAUTHENTICATED[theirs]
    assert in_every_order(Two(), *steps, goes_well) == comb(sum(map(len, steps)), len(steps[0]))


def test_the_owner_can_register_a_number_that_others_try(db: None) -> None:
    theirs = UNAUTHENTICATED["guesses-and-cancels"]
    assert in_every_order(Two(owners=False), (registers, types), theirs, goes_well) == 10


@pytest.mark.slow
def test_with_a_second_service_attackers_use_up_no_tries(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = ANOTHER_SERVICE
    mine = (picks, guesses, types_the_code_for_verifying)
    for theirs, orders in (((registers, guesses_till_the_end), 10), ((registers, cancels, registers), 20)):
        with rolled_back():
            assert in_every_order(Two(), mine, theirs, goes_well) == orders


@pytest.mark.slow
def test_an_attacker_who_uses_up_shared_tries_is_not_verified(db: None, later: Any) -> None:
    # Twilio counts five attempts for both. The owner has to wait, and can verify once the code has expired.

    def check_end(two: Two) -> None:
        assert not two.attacker.is_verified
        assert values(two.attacker) == []
        if not two.owner.is_verified:
            later(601)
            two.owner.opens("start").picks("sms").types_the_code()
        goes_well(two)

    assert in_every_order(Two(), OWNER["types"], (registers, guesses_till_the_end), check_end) == 6


def test_an_attacker_cannot_tell_whether_a_number_is_registered(db: None) -> None:
    # Each page is the same, whether the number is registered or not.
    told = []
    for number in ("202 555 0143", "202 555 0141"):
        with rolled_back():
            made("owner", PHONE)
            attacker = made("attacker").opens("start")
            pages = []
            for data in (
                {"method": "sms"},
                {"country_code": "US", "phone_number": number},
                {"token": wrong_code_for(PHONE if "43" in number else "+12025550141")},
                {"action": "resend"},
                {"action": "cancel"},
            ):
                attacker.posts(**data)
                status, path, html = shown(attacker.page)
                pages.append((status, path, html.replace("0143", "0141")))
            told.append(pages)
    assert told[0] == told[1]


def test_api_does_not_reveal_when_the_owner_was_sent_a_code(db: None) -> None:
    left = []
    for owner_is_signing_in in (True, False):
        with rolled_back():
            owner = made("owner", PHONE).opens("start")
            if owner_is_signing_in:
                owner.picks("sms")
                pass_time(300)
            attacker = made("attacker")
            told = attacker.client.post("/api/2fa/send/", {"method": "sms", "phone_number": PHONE})
            left.append(told.json()["expires_in"])
            if owner_is_signing_in:
                # Twilio had one verification for both.
                assert len({row.sid for row in Verification.objects.all()}) == 1
    assert abs(left[0] - left[1]) <= 2


def test_an_attacker_cannot_cancel_a_code_with_a_lost_answer(
    db: None, twilio_over_http: LoopbackTwilio
) -> None:
    # The owner's code arrived, but Twilio's response did not. Only the number links the two verifications.
    owner, attacker = made("owner", PHONE).opens("start"), made("attacker").opens("start")
    twilio_over_http.does("drop", on="Verifications", seconds=0.05)
    owner.picks("sms")
    twilio_over_http.is_well()
    owners = Verification.objects.get()
    assert (owners.sid, owners.status) == ("", "pending")
    registers(attacker)
    cancels(attacker)
    owner.posts("verify", token=twilio_over_http.delivered(PHONE)[0])
    assert owner.is_verified
    assert not attacker.is_verified
