"""Attacks with passkeys that run in each way: pages, API and Python."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.providers.installed import get_providers

from ..passkeys import creates
from .threats import case
from .ways import Way, World

ELSEWHERE = (
    "A passkey's answer is used elsewhere: on another site, in another session, for another user, or twice"
)
FORGED = "A passkey's answer is forged or altered"


def authenticator_of(w: World) -> SoftwareAuthenticator:
    """Return Sam's authenticator, with a passkey that was registered in the pages."""
    w.set(ALLOWED_METHODS=["sms", "email", "passkey"])
    before, made = w.somebody("sam", "before").person, SoftwareAuthenticator()
    before.opens("start").picks("sms").types_the_code()
    creates(before, made)
    return made


def answers(way: Way, authenticator: SoftwareAuthenticator, **false: Any) -> str:
    """Ask for a passkey, and answer. Return the answer."""
    way.send("passkey")
    answer = authenticator.get(get_providers()["passkey"].get_ceremony(way.row), **false)
    way.check(json.dumps(answer))
    return json.dumps(answer)


@case(ELSEWHERE, lets_in=["before", "sam"])
def the_right_answer(w: World) -> None:
    answers(w.sam, authenticator_of(w))


@case(ELSEWHERE, lets_in=["before"])
def an_answer_to_another_site(w: World) -> None:
    answers(w.sam, authenticator_of(w), origin="https://evil.example")


@case(ELSEWHERE, lets_in=["before", "sam"])
def an_answer_a_second_time(w: World) -> None:
    answer = answers(w.sam, authenticator_of(w))
    w.again.send("passkey")
    w.again.check(answer)


@case(ELSEWHERE, lets_in=["before"])
def an_answer_in_another_session(w: World) -> None:
    authenticator = authenticator_of(w)
    w.sam.send("passkey")
    row = w.sam.row
    answer = authenticator.get(get_providers()["passkey"].get_ceremony(row))
    w.again.check(json.dumps(answer), row)


@case(ELSEWHERE, lets_in=["before"])
def an_answer_for_another_user(w: World) -> None:
    authenticator = authenticator_of(w)
    w.sam.send("passkey")
    row = w.sam.row
    answer = authenticator.get(get_providers()["passkey"].get_ceremony(row))
    w.mallory.check(json.dumps(answer), row)


@case(FORGED, lets_in=["before"])
def another_key(w: World) -> None:
    answers(w.sam, authenticator_of(w), key=ec.generate_private_key(ec.SECP256R1()))


@case(FORGED, lets_in=["before"])
def other_keys_until_the_session_is_locked(w: World) -> None:
    authenticator = authenticator_of(w)
    for _ in range(7):
        answers(w.sam, authenticator, key=ec.generate_private_key(ec.SECP256R1()))


@case("The key of a passkey is copied", lets_in=["before"])
def a_copy(w: World) -> None:
    authenticator = authenticator_of(w)
    authenticator.counter -= authenticator.step
    answers(w.sam, authenticator)


@case("An invalid passkey answer crashes a page", lets_in=["before"])
def text_that_is_not_an_answer(w: World) -> None:
    authenticator_of(w)
    w.sam.send("passkey")
    for text in ('{"id": 5}', '{"id": "a", "rawId": "a", "type": "a", "response": {}}', "123456"):
        w.sam.check(text)
