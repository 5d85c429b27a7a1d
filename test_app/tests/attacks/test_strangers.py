"""Threat: a stranger enrols a number while its owner is proving it. To Twilio both are one verification.

Every interleaving of what the two do: the owner gets in, the stranger gets nothing, and neither is told
anything of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..clock import pass_time
from ..loopback_twilio import LoopbackTwilio
from ..people import PHONE, Person
from .scene import NO_SEND_LIMITS, made, shown, values, wrong_code
from .starts import rolled_back

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
    person.posts("verify", token=wrong_code(PHONE))


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
    """The owner types what was delivered last; the stranger never sees it."""
    person.posts("verify", token=messages.last_code(PHONE))


def types_what_came_for_proving(person: Person) -> None:
    """The owner's phone shows two codes, of two services."""
    rows = SandboxVerification.objects.exclude(service_sid=ANOTHER_SERVICE)
    person.posts("verify", token=rows.latest("pk").code)


OWNER = {
    "types": (picks, types),
    "mistypes": (picks, guesses, types),
    "resends": (picks, resends, types),
    "begins-again": (picks, cancels, picks, types),
}
STRANGER = {
    "guesses-and-cancels": (registers, guesses, cancels),
    "cancels-and-comes-back": (registers, cancels, registers),
    "corrects": (registers, corrects, registers),
    "resends": (registers, resends, guesses),
}

# Each owner with each stranger would be twice as many orders and show nothing more.
PAIRS = [
    *(("types", theirs) for theirs in STRANGER),
    ("mistypes", "guesses-and-cancels"),
    ("resends", "resends"),
    ("begins-again", "guesses-and-cancels"),
]


def merges(a: tuple[Step, ...], b: tuple[Step, ...]) -> Iterator[list[tuple[bool, Step]]]:
    """Every order of the steps of both in which each keeps their own; True marks those of `a`."""
    for places in combinations(range(len(a) + len(b)), len(a)):
        steps_a, steps_b = iter(a), iter(b)
        yield [
            (True, next(steps_a)) if n in places else (False, next(steps_b)) for n in range(len(a) + len(b))
        ]


class Two:
    """The owner of the number, the stranger, and all that each was shown."""

    def __init__(self, owners: bool = True) -> None:
        self.owner = made("owner", *([PHONE] if owners else []))
        self.stranger = made("stranger")
        self.seen: dict[bool, list[str]] = {True: [], False: []}

    def do(self, steps: list[tuple[bool, Step]]) -> None:
        for owners, step in steps:
            person = self.owner if owners else self.stranger
            step(person)
            assert person.page.status_code == 200
            self.seen[owners].append(person.page.content.decode())

    def is_well(self) -> bool:
        assert self.owner.is_verified
        assert values(self.owner) == [PHONE]
        assert not self.stranger.is_verified
        assert values(self.stranger) == []
        assert self.stranger.opens("/secret/").is_at("start")
        code = messages.last_code(PHONE)
        for mine, other in ((True, "stranger"), (False, "owner")):
            for page in self.seen[mine]:
                assert other not in page
                assert "another user" not in page
                assert "somebody else" not in page
                assert code not in page
        return True


@pytest.fixture(autouse=True)
def sends_are_free(settings: Any) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_LIMITS = NO_SEND_LIMITS


@pytest.mark.parametrize(("mine", "theirs"), PAIRS)
def test_the_owner_gets_in_and_the_stranger_gets_nothing(db: None, mine: str, theirs: str) -> None:
    for steps in merges(OWNER[mine], STRANGER[theirs]):
        with rolled_back():
            two = Two()
            two.do(steps)
            assert two.is_well(), [(who, step.__name__) for who, step in steps]


def test_a_number_that_two_are_registering_is_its_owners(db: None) -> None:
    for steps in merges((registers, types), STRANGER["guesses-and-cancels"]):
        with rolled_back():
            two = Two(owners=False)
            two.do(steps)
            assert two.is_well()


def test_with_a_service_of_its_own_a_stranger_burns_none_of_the_owners_tries(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = ANOTHER_SERVICE
    mine = (picks, guesses, types_what_came_for_proving)
    for theirs in ((registers, guesses_till_the_end), (registers, cancels, registers)):
        for steps in merges(mine, theirs):
            with rolled_back():
                two = Two()
                two.do(steps)
                assert two.is_well(), [(who, step.__name__) for who, step in steps]


def test_where_they_share_a_service_a_stranger_who_burns_the_tries_gets_nothing_for_it(
    db: None, later: Any
) -> None:
    """Twilio counts five for both; the owner is told to wait, and gets in once the code is over."""
    for steps in merges(OWNER["types"], (registers, guesses_till_the_end)):
        with rolled_back():
            two = Two()
            two.do(steps)
            assert not two.stranger.is_verified
            assert values(two.stranger) == []
            if not two.owner.is_verified:
                later(601)
                two.owner.opens("start").picks("sms").types_the_code()
            assert two.is_well()


def test_the_stranger_learns_no_more_from_an_owned_number_than_from_any(db: None) -> None:
    """Each page is the same, whether the number is somebody's or nobody's."""
    told = []
    for number in ("202 555 0143", "202 555 0141"):
        with rolled_back():
            made("owner", PHONE)
            stranger = made("stranger").opens("start")
            pages = []
            for data in (
                {"method": "sms"},
                {"country_code": "US", "phone_number": number},
                {"token": wrong_code(PHONE if "43" in number else "+12025550141")},
                {"action": "resend"},
                {"action": "cancel"},
            ):
                stranger.posts(**data)
                status, path, html = shown(stranger.page)
                pages.append((status, path, html.replace("0143", "0141")))
            told.append(pages)
    assert told[0] == told[1]


def test_nor_over_the_api_how_long_ago_its_owner_was_sent_a_code(db: None) -> None:
    left = []
    for owner_is_signing_in in (True, False):
        with rolled_back():
            owner = made("owner", PHONE).opens("start")
            if owner_is_signing_in:
                owner.picks("sms")
                pass_time(300)
            stranger = made("stranger")
            told = stranger.client.post("/api/2fa/send/", {"method": "sms", "phone_number": PHONE})
            left.append(told.json()["expires_in"])
            if owner_is_signing_in:
                # It was one verification at Twilio all the same.
                assert len({row.sid for row in Verification.objects.all()}) == 1
    assert abs(left[0] - left[1]) <= 2


def test_a_stranger_cancels_no_code_whose_sending_was_never_answered(
    db: None, twilio_over_http: LoopbackTwilio
) -> None:
    """The owner's code arrived, but Twilio's answer did not: only the number says that it is the same."""
    owner, stranger = made("owner", PHONE).opens("start"), made("stranger").opens("start")
    twilio_over_http.does("drop", on="Verifications", seconds=0.05)
    owner.picks("sms")
    twilio_over_http.is_well()
    owners = Verification.objects.get()
    assert (owners.sid, owners.status) == ("", "pending")
    registers(stranger)
    cancels(stranger)
    owner.posts("verify", token=twilio_over_http.delivered(PHONE)[0])
    assert owner.is_verified
    assert not stranger.is_verified
