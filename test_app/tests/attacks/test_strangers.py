"""A stranger enrols a number while its owner is proving it: the owner gets in, the stranger gets nothing."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..people import PHONE, Person

OWNER = ("sends", "types the code")
STRANGER = ("registers the number", "guesses", "guesses again")


def interleavings() -> list[tuple[str, ...]]:
    """Every order in which the two can act, each in their own."""
    length = len(OWNER) + len(STRANGER)
    found = []
    for places in combinations(range(length), len(OWNER)):
        owner, stranger = iter(OWNER), iter(STRANGER)
        found.append(tuple(next(owner) if n in places else next(stranger) for n in range(length)))
    return found


@pytest.fixture
def stranger(db: None) -> Person:
    get_user_model().objects.create_user("stranger")
    return Person("stranger")


def act(step: str, owner: Person, stranger: Person) -> None:
    if step == "sends":
        owner.opens("start").picks("sms")
    elif step == "types the code":
        owner.types_the_code()
    elif step == "registers the number":
        stranger.opens("start").picks("sms").registers()
    else:
        wrong = "000000" if messages.last_code(PHONE) != "000000" else "111111"
        stranger.posts("verify", token=wrong)


@pytest.mark.parametrize("second_service", [False, True])
@pytest.mark.parametrize("order", interleavings(), ids=lambda order: "-".join(s[0] for s in order))
def test_in_every_order_the_owner_gets_in_and_the_stranger_gets_nothing(
    pat: Person, stranger: Person, settings: Any, order: tuple[str, ...], second_service: bool
) -> None:
    if second_service:
        settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = "VA" + "7" * 32
    code = ""
    for step in order:
        if step == "types the code" and second_service:
            row = Verification.objects.get(user=pat.user)
            code = next(m["code"] for m in messages.delivered(PHONE) if m["verification_sid"] == row.sid)
            pat.types(code)
        else:
            code = messages.last_code(PHONE) if step == "types the code" else code
            act(step, pat, stranger)
        words = stranger.text if stranger.page else ""
        assert "pat" not in words.split()
        assert "owner" not in words.lower()
        assert "somebody" not in words.lower()
        assert "account" not in words.lower() or "your account" in words.lower()
    assert pat.is_verified
    assert not stranger.is_verified
    assert list(Device.objects.values_list("user__username", flat=True)) == ["pat"]
    # What the owner typed is of no use to a stranger who looked over their shoulder.
    stranger.posts("verify", token=code)
    assert not stranger.is_verified
    assert pat.opens("/secret/").is_at("/secret/")


def test_what_a_stranger_reads_does_not_depend_on_whose_number_it_is(
    stranger: Person, django_user_model: Any
) -> None:
    """Registering somebody's number and nobody's: the same pages, word for word."""

    def what_is_read(person: Person) -> list[tuple[int, str, str]]:
        seen = []
        for step in ("start", "register", "wrong", "resend", "cancel"):
            if step == "start":
                person.opens("start").picks("sms")
            elif step == "register":
                person.registers()
            elif step == "wrong":
                person.posts("verify", token="000000" if messages.last_code(PHONE) != "000000" else "1" * 6)
            else:
                person.posts("verify", action=step)
            words = re.sub(r"\b\d+ s(econds)?\b", "a while", person.text.replace(person.user.username, ""))
            seen.append((person.page.status_code, person.path, words))
        return seen

    nobodys = what_is_read(stranger)
    SandboxVerification.objects.all().delete()
    Counter.objects.all().delete()
    owner = django_user_model.objects.create_user("owner")
    Device.objects.register(owner, PhoneNumber(PHONE))
    django_user_model.objects.create_user("second")
    assert what_is_read(Person("second")) == nobodys


def test_all_of_a_strangers_guesses_leave_the_owner_a_code_where_there_is_a_second_service(
    pat: Person, stranger: Person, settings: Any
) -> None:
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = "VA" + "7" * 32
    stranger.opens("start").picks("sms").registers()
    for _ in range(6):
        stranger.types_a_wrong_code()
    pat.opens("start").picks("sms").types_the_code()
    assert pat.is_verified


def test_a_stranger_who_gives_up_ends_nothing_of_the_owners(pat: Person, stranger: Person) -> None:
    pat.opens("start").picks("sms")
    stranger.opens("start").picks("sms").registers()
    stranger.posts("verify", action="cancel")
    assert pat.types_the_code().is_verified


def test_a_strangers_sends_do_not_use_the_owners_up(pat: Person, stranger: Person, later: Any) -> None:
    for _ in range(4):
        stranger.page = None
        stranger.opens("start").picks("sms").registers()
        later(31)
    assert pat.opens("start").picks("sms").is_at("verify")
    assert pat.types_the_code().is_verified
