"""Challenges: a user answers one before a paid code is sent, if the breaker suspects a bot."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.process.challenges import Challenge
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.verifier import Verifier

from ..conf.shows import shows
from ..people import PHONE, Person
from .people import Registrar, numbers

ASK = {"phone_number": PHONE}


class Broken:
    def is_passed(self, request: Any, user: Any) -> bool:
        raise RuntimeError("down")

    describe = render = is_passed


class PassesWithoutRequest:
    def is_passed(self, request: Any, user: Any) -> bool:
        return request is None

    def render(self, request: Any, user: Any) -> str:
        return "<b>escaped</b>"

    def describe(self, request: Any, user: Any) -> dict[str, Any]:
        return {}


@pytest.fixture
def suspicious(db: None, no_cooldown: None, settings: Any) -> None:
    """Send some codes that are not entered, but too few for a stop."""
    settings.TWILIO_2FA_BREAKER = {"sends": 10}
    settings.TWILIO_2FA_CHALLENGE = "demo.challenge.Sum"
    bot = Registrar("bot")
    for number in islice(numbers("US"), 5):
        assert bot.asks(number)


def answers(html: str) -> dict[str, str]:
    """Return the answer to the sum that a page asks for, as form data."""
    question = re.search(r'name="challenge" value="([^"]+)"', html)
    terms = re.search(r"How much is (\d) \+ (\d)\?", html)
    assert question
    assert terms
    return {"challenge": question[1], "challenge_answer": str(int(terms[1]) + int(terms[2]))}


def test_the_demo_challenge_follows_the_protocol() -> None:
    from demo.challenge import Sum

    challenge: Challenge = Sum()
    assert challenge.describe(None, None)["answer_in"] == "challenge_answer"


def test_a_challenge_is_not_shown_without_suspicion(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_CHALLENGE = "demo.challenge.Sum"
    demo.opens("start").picks("sms").registers()
    assert demo.has_got() == 1


@shows("CHALLENGE")
def test_the_page_shows_a_challenge_and_accepts_the_answer(suspicious: None, demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    assert demo.is_at("register")
    assert not demo.has_got()
    assert "show that you are a person" in demo.text
    html = demo.page.content.decode()
    assert "555" in html  # The page keeps the number that the user typed.
    demo.posts(country_code="US", phone_number="202 555 0143", **answers(html))
    assert demo.has_got() == 1
    assert demo.types_the_code().is_verified


@pytest.mark.parametrize("wrong", [{"challenge_answer": "1"}, {"challenge": "x"}, {"challenge": ""}])
def test_a_wrong_answer_sends_nothing(suspicious: None, demo: Person, wrong: dict[str, str]) -> None:
    demo.opens("start").picks("sms").registers()
    right = answers(demo.page.content.decode())
    demo.posts(country_code="US", phone_number="202 555 0143", **{**right, **wrong})
    assert not demo.has_got()
    assert answers(demo.page.content.decode()) != right


def test_an_answer_is_valid_once_and_for_one_user(suspicious: None, demo: Person, pat: Person) -> None:
    demo.opens("start").picks("sms").registers()
    right = answers(demo.page.content.decode())
    api = "/api/2fa/set-phone-number/"
    other = {"phone_number": "+12025550199", **right}
    assert pat.client.post(api, other, "application/json").status_code == 403
    assert demo.client.post(api, {**ASK, **right}, "application/json").status_code == 200
    assert demo.client.post(api, other, "application/json").status_code == 403


def test_the_api_describes_the_challenge_and_takes_the_answer(suspicious: None, demo: Person) -> None:
    api = "/api/2fa/set-phone-number/"
    response = demo.client.post(api, ASK, "application/json")
    body = response.json()
    assert (response.status_code, body["error_code"]) == (403, "challenge_required")
    told = body["data"]["challenge"]
    first, second = map(int, re.findall(r"\d", told["question"]))
    answer = {"challenge": told["challenge"], told["answer_in"]: str(first + second)}
    assert demo.client.post(api, {**ASK, **answer}, "application/json").status_code == 200
    assert demo.has_got() == 1


def test_a_resend_needs_no_second_challenge(suspicious: None, demo: Person) -> None:
    demo.opens("start").picks("sms").registers()
    demo.posts(country_code="US", phone_number="202 555 0143", **answers(demo.page.content.decode()))
    demo.posts("verify", action="resend")
    assert demo.has_got() == 2


def test_a_sign_in_needs_no_challenge(suspicious: None, pat: Person) -> None:
    assert pat.opens("start").picks("sms").types_the_code().is_verified


@pytest.mark.parametrize("path", [f"{__name__}.Broken", "no.such.module"])
def test_a_broken_challenge_sends_nothing(
    suspicious: None, demo: Person, settings: Any, path: str, caplog: Any
) -> None:
    settings.TWILIO_2FA_CHALLENGE = path
    demo.opens("start").picks("sms").registers()
    assert demo.page.status_code == 200
    assert not demo.has_got()
    assert "TWILIO_2FA_CHALLENGE failed" in caplog.text


def test_the_challenge_decides_about_sends_without_a_request(
    suspicious: None, demo: Person, settings: Any
) -> None:
    with pytest.raises(errors.ChallengeRequired):
        Verifier(demo.user, flow="f").send("sms", to=PhoneNumber(PHONE))
    settings.TWILIO_2FA_CHALLENGE = f"{__name__}.PassesWithoutRequest"
    assert Verifier(demo.user, flow="f").send("sms", to=PhoneNumber(PHONE)).sends == 1


def test_html_of_a_challenge_is_escaped_unless_marked_safe(
    suspicious: None, demo: Person, settings: Any
) -> None:
    settings.TWILIO_2FA_CHALLENGE = f"{__name__}.PassesWithoutRequest"
    demo.opens("start").picks("sms").registers()
    assert "&lt;b&gt;escaped" in demo.page.content.decode()


@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    question=strategies.text(max_size=200),
    answer=strategies.one_of(strategies.text(max_size=50), strategies.integers(), strategies.none()),
)
def test_any_answer_to_a_challenge_gets_a_response(
    suspicious: None, demo: Person, question: str, answer: Any
) -> None:
    data = {**ASK, "challenge": question.encode("utf-8", "replace").decode(), "challenge_answer": answer}
    response = demo.client.post("/api/2fa/set-phone-number/", data, "application/json")
    assert response.status_code == 403
    assert messages.delivered(PHONE) == []
