"""Threat: an answer that the asked browser did not sign for this request verifies a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException
from twilio_2fa_push.challenges import Asked
from twilio_2fa_push.provider import PushProvider
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.twilio.service import get_service

from ..clock import pass_time
from ..helpers import at_once
from ..people import Person
from ..pushes import (
    ANSWER,
    PENDING,
    approves,
    confirms,
    denies,
    is_asked,
    names_itself,
    newest,
    pending,
    registers,
    requests,
    sends,
    with_browser,
)
from .starts import rolled_back
from .test_input import ANY_TEXT

pytestmark = pytest.mark.usefixtures("sessions_in_database")


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "push"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


@pytest.fixture
def laptop() -> SoftwareBrowser:
    return SoftwareBrowser()


@pytest.fixture
def ann(db: None, laptop: SoftwareBrowser) -> Person:
    """Return a user with a registered browser, who signs in with another browser."""
    return with_browser("ann", laptop, "My laptop")


def refuses(answer: Any, code: str, status: int = 400) -> bool:
    told = answer.json()
    assert (answer.status_code, told["error_code"]) == (status, code), told
    return newest().answer == ""


def at_twilio(token: str) -> str:
    """Send an answer to the sandbox itself. Return its status, or the error code of the refusal."""
    row = newest()
    assert row.device is not None
    entity = get_service(row.device.data["service"]).entities(row.device.data["identity"])
    try:
        return str(entity.challenges(row.sid).update(auth_payload=token).status)
    except TwilioRestException as e:
        return str(e.code)


def is_let_in(person: Person) -> bool:
    person.posts("verify")
    return person.is_verified


# Answers that the asked browser did not sign in this form


def signed_with_another_key(laptop: SoftwareBrowser, asked: Asked) -> str:
    return SoftwareBrowser().answer(asked.shown, "approved", asked.number)


def unsigned(laptop: SoftwareBrowser, asked: Asked) -> str:
    import jwt

    payload = json.dumps({**asked.signed, "status": "approved"}).encode()
    return jwt.PyJWS().encode(payload, None, algorithm="none")


def signed_with_the_public_key(laptop: SoftwareBrowser, asked: Asked) -> str:
    import jwt

    payload = json.dumps({**asked.signed, "status": "approved"}).encode()
    return jwt.PyJWS().encode(payload, laptop.public_key * 1, algorithm="HS256")


def with_altered_details(laptop: SoftwareBrowser, asked: Asked) -> str:
    details = {**asked.signed["details"], "message": "Pay 1000?"}
    return laptop.answer({**asked.shown, "details": details}, "approved", asked.number)


def without_a_field(laptop: SoftwareBrowser, asked: Asked) -> str:
    less = {name: value for name, value in asked.shown.items() if name != "details"}
    return laptop.answer(less, "approved", asked.number)


def with_another_date(laptop: SoftwareBrowser, asked: Asked) -> str:
    return laptop.answer({**asked.shown, "date_created": "2020-01-01T00:00:00Z"}, "approved", asked.number)


def with_an_unexpected_status(laptop: SoftwareBrowser, asked: Asked) -> str:
    return laptop.answer(asked.shown, "expired", asked.number)


def with_two_statuses(laptop: SoftwareBrowser, asked: Asked) -> str:
    text = json.dumps({**asked.signed, "status": "denied"})
    return laptop.jwt(text[:-1] + ', "status": "approved"}')


def altered_after_signing(laptop: SoftwareBrowser, asked: Asked) -> str:
    denied, approved = (laptop.answer(asked.signed, status) for status in ("denied", "approved"))
    return ".".join([approved.split(".")[0], approved.split(".")[1], denied.split(".")[2]])


def for_another_factor(laptop: SoftwareBrowser, asked: Asked) -> str:
    return laptop.answer({**asked.shown, "factor_sid": "YF" + "0" * 32}, "approved", asked.number)


FALSE: list[Callable[[SoftwareBrowser, Asked], str]] = [
    signed_with_another_key,
    unsigned,
    signed_with_the_public_key,
    with_altered_details,
    without_a_field,
    with_another_date,
    with_an_unexpected_status,
    altered_after_signing,
    for_another_factor,
]


@pytest.mark.parametrize("false", FALSE, ids=lambda f: f.__name__)
def test_a_false_answer_is_refused_here_and_at_twilio(
    ann: Person, laptop: SoftwareBrowser, false: Callable[[SoftwareBrowser, Asked], str]
) -> None:
    asked = is_asked(ann)
    token = false(laptop, asked)
    assert refuses(sends(token, asked.number), "invalid_verification_code")
    assert at_twilio(token) == "60324"
    assert not is_let_in(ann)


@pytest.fixture
def gullible(monkeypatch: Any) -> None:
    """Let Twilio accept any answer, so that only this package can refuse it."""
    monkeypatch.setattr("twilio_2fa_push.challenges.pass_on", lambda row, answer: "approved")


@pytest.mark.parametrize("false", FALSE, ids=lambda f: f.__name__)
def test_a_false_answer_is_refused_without_twilio(
    ann: Person,
    laptop: SoftwareBrowser,
    gullible: None,
    false: Callable[[SoftwareBrowser, Asked], str],
) -> None:
    asked = is_asked(ann)
    assert refuses(sends(false(laptop, asked), asked.number), "invalid_verification_code")
    assert not is_let_in(ann)


def test_a_wrong_number_is_refused_without_twilio(
    ann: Person, laptop: SoftwareBrowser, gullible: None
) -> None:
    asked = is_asked(ann)
    number = wrong(asked.number)
    # Both numbers wrong, only the signed number wrong, and only the typed number wrong.
    for signed, typed in ((number, number), (number, asked.number), (asked.number, number)):
        answer = sends(laptop.answer(asked.shown, "approved", signed), typed)
        assert refuses(answer, "invalid_verification_code")
    assert not is_let_in(ann)


def test_an_answer_that_twilio_refuses_approves_nothing(
    ann: Person, laptop: SoftwareBrowser, monkeypatch: Any
) -> None:
    asked = is_asked(ann)
    monkeypatch.setattr("twilio_2fa_push.challenges.pass_on", lambda row, answer: "denied")
    assert refuses(approves(laptop, asked.number), "invalid_verification_code")
    assert not is_let_in(ann)


def test_an_answer_with_two_statuses_is_refused(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    assert refuses(sends(with_two_statuses(laptop, asked), asked.number), "invalid_verification_code")
    assert not is_let_in(ann)


def test_an_answer_with_an_extra_field_is_refused(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    token = laptop.answer({**asked.shown, "admin": "yes"}, "approved", asked.number)
    assert refuses(sends(token, asked.number), "invalid_verification_code")
    assert not is_let_in(ann)


def test_another_browser_of_the_user_cannot_answer(ann: Person, laptop: SoftwareBrowser) -> None:
    tablet = SoftwareBrowser()
    is_asked(ann)
    approves(laptop, newest().data["asked"]["number"])
    ann.posts("verify")
    registers(ann, tablet, "Tablet")
    again = Person("ann")
    device = Device.objects.get(name="My laptop")
    asked = is_asked(again, str(device.pk))
    token = tablet.answer(asked.shown, "approved", asked.number)
    assert refuses(sends(token, asked.number), "invalid_verification_code")
    assert at_twilio(token) == "60324"
    assert requests(tablet) == []
    assert not is_let_in(again)


def test_an_answer_to_another_challenge_is_refused(ann: Person, laptop: SoftwareBrowser) -> None:
    first = is_asked(ann)
    ann.posts("verify", action="resend")
    second = newest().data["asked"]
    assert second["sid"] != first.sid
    stale = laptop.answer(first.shown, "approved", first.number)
    assert refuses(sends(stale, first.number), "verification_expired")
    assert at_twilio(stale) == "60324"
    assert not is_let_in(ann)


def test_an_approval_fails_if_the_request_is_sent_again(
    ann: Person, laptop: SoftwareBrowser, monkeypatch: Any
) -> None:
    asked = is_asked(ann)

    def meanwhile(row: Verification, answer: str) -> str:
        ann.posts("verify", action="resend")
        return "approved"

    monkeypatch.setattr("twilio_2fa_push.challenges.pass_on", meanwhile)
    assert refuses(approves(laptop, asked.number), "verification_expired")
    assert newest().sid != asked.sid
    assert not is_let_in(ann)


def test_an_answer_is_accepted_only_once(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    token = laptop.answer(asked.shown, "approved", asked.number)
    assert sends(token, asked.number).json()["status"] == "approved"
    assert sends(token, asked.number).json()["error_code"] == "verification_expired"
    assert at_twilio(token) == "60322"
    assert is_let_in(ann)
    # In another session of the user, with a new request.
    other = Person("ann")
    is_asked(other)
    assert sends(token, asked.number).json()["error_code"] == "verification_expired"
    assert at_twilio(token) == "60324"
    assert not is_let_in(other)


def test_a_denied_request_cannot_be_approved(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    assert denies(laptop).json()["status"] == "denied"
    token = laptop.answer(asked.shown, "approved", asked.number)
    assert sends(token, asked.number).json()["error_code"] == "verification_expired"
    assert at_twilio(token) == "60322"
    assert not is_let_in(ann)


def test_an_answer_to_an_expired_request_is_refused(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    token = laptop.answer(asked.shown, "approved", asked.number)
    pass_time(601)
    assert refuses(sends(token, asked.number), "verification_expired")


def test_a_browser_is_not_shown_expired_requests(ann: Person, laptop: SoftwareBrowser) -> None:
    is_asked(ann)
    pass_time(601)
    assert requests(laptop) == []


def test_a_canceled_request_cannot_be_approved(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    ann.posts("verify", action="cancel")
    assert requests(laptop) == []
    token = laptop.answer(asked.shown, "approved", asked.number)
    assert refuses(sends(token, asked.number), "verification_expired")
    assert newest().status == Status.CANCELED


def test_a_browser_is_not_asked_again_before_the_cooldown_ends(
    ann: Person, laptop: SoftwareBrowser, settings: Any
) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 30
    pass_time(60)
    is_asked(ann)
    ann.posts("verify", action="cancel")
    for person in (ann, Person("ann")):
        person.page = None
        person.posts("start", method="push", device="")
        assert requests(laptop) == []
    pass_time(31)
    is_asked(Person("ann"))
    assert len(requests(laptop)) == 1


# The number


def wrong(number: str) -> str:
    return str(10 + (int(number) - 9) % 90)


@pytest.mark.parametrize("typed", ["", "0", "٤٢", "\0", "1" * 500], ids=repr)
def test_an_impossible_number_is_refused(ann: Person, laptop: SoftwareBrowser, typed: str) -> None:
    is_asked(ann)
    assert refuses(approves(laptop, typed), "invalid_verification_code")
    assert not is_let_in(ann)


def test_a_wrong_number_is_refused_here_and_at_twilio(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    number = wrong(asked.number)
    token = laptop.answer(asked.shown, "approved", number)
    assert refuses(sends(token, number), "invalid_verification_code")
    assert at_twilio(token) == "60324"
    # With the right number typed, but the wrong number signed.
    assert refuses(sends(token, asked.number), "invalid_verification_code")
    assert not is_let_in(ann)


def test_after_three_wrong_numbers_the_request_is_denied(
    ann: Person, laptop: SoftwareBrowser, mailoutbox: Any
) -> None:
    asked = is_asked(ann)
    mailoutbox.clear()
    codes = [approves(laptop, wrong(asked.number)).json()["error_code"] for _ in range(3)]
    assert codes == ["invalid_verification_code", "invalid_verification_code", "approval_denied"]
    assert [m.subject for m in mailoutbox] == ["A sign-in to your account was denied"]
    token = laptop.answer(asked.shown, "approved", asked.number)
    assert sends(token, asked.number).json()["error_code"] == "verification_expired"
    assert not is_let_in(ann)


def test_answers_with_an_unknown_key_use_up_no_attempts(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    for _ in range(5):
        sends(SoftwareBrowser().answer(asked.shown, "approved", wrong(asked.number)), wrong(asked.number))
    assert approves(laptop, asked.number).status_code == 200
    assert is_let_in(ann)


def test_the_approving_page_does_not_receive_the_number(ann: Person, laptop: SoftwareBrowser) -> None:
    is_asked(ann)
    number = newest().data["asked"]["number"]
    [shown] = requests(laptop)
    assert "hidden_details" not in shown["sign"]
    assert f'"{number}"' not in json.dumps(shown)


# Other browsers, users and sessions


@pytest.fixture
def eve(ann: Person) -> Person:
    return with_browser("eve", SoftwareBrowser(), "Eve's")


def test_another_users_session_cannot_answer(ann: Person, laptop: SoftwareBrowser, eve: Person) -> None:
    asked = is_asked(ann)
    for status in ("approved", "denied"):
        token = laptop.answer(asked.shown, status, asked.number if status == "approved" else "")
        assert refuses(sends(token, asked.number, eve.client), "user_not_allowed", 403)
    assert pending(laptop, eve.client).json()["error_code"] == "user_not_allowed"
    assert not is_let_in(ann)


def test_another_users_browser_is_not_asked(ann: Person, laptop: SoftwareBrowser) -> None:
    theirs = SoftwareBrowser()
    with_browser("eve", theirs)
    is_asked(ann)
    assert requests(theirs) == []
    assert len(requests(laptop)) == 1


def test_an_approval_verifies_no_other_session(ann: Person, laptop: SoftwareBrowser) -> None:
    attacker = Person("ann")
    is_asked(attacker)
    asked = is_asked(ann)
    [one, other] = requests(laptop)
    mine = one if one["id"] == asked.sid else other
    assert sends(laptop.answer(mine["sign"], "approved", asked.number), asked.number).status_code == 200
    assert is_let_in(ann)
    assert not is_let_in(attacker)


def test_nobody_reads_requests_without_the_key(ann: Person, laptop: SoftwareBrowser) -> None:
    is_asked(ann)
    nonce = Client().get("/2fa/push/").context["nonce"]
    attacker = SoftwareBrowser(factor=laptop.factor)
    for proof in (
        attacker.proof(nonce),
        "",
        "x.y.z",
        laptop.jwt({"factor": "YF" + "0" * 32, "nonce": nonce}),
    ):
        told = Client().post(PENDING, {"proof": proof}, content_type="application/json")
        assert told.json()["error_code"] == "verification_not_found"


@pytest.mark.parametrize("nonce", ["", "made up", None])
def test_a_proof_without_a_valid_nonce_is_refused(ann: Person, laptop: SoftwareBrowser, nonce: Any) -> None:
    is_asked(ann)
    proof = laptop.jwt({"factor": laptop.factor, "nonce": nonce})
    told = Client().post(PENDING, {"proof": proof}, content_type="application/json")
    assert told.json()["error_code"] == "stale_nonce"


def test_an_old_proof_is_refused(ann: Person, laptop: SoftwareBrowser, monkeypatch: Any) -> None:
    import time

    nonce = Client().get("/2fa/push/").context["nonce"]
    later = time.time() + 301
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    told = pending(laptop, nonce=nonce).json()
    assert told["error_code"] == "stale_nonce"
    assert pending(laptop, nonce=told["nonce"]).status_code == 200


def test_a_removed_browser_cannot_answer(ann: Person, laptop: SoftwareBrowser) -> None:
    asked = is_asked(ann)
    Device.objects.get(kind="push").delete()
    token = laptop.answer(asked.shown, "approved", asked.number)
    assert sends(token, asked.number).json()["error_code"] == "verification_expired"
    assert pending(laptop).json()["error_code"] == "verification_not_found"


# Registrations


def test_a_browser_without_the_key_cannot_be_registered(demo: Person, laptop: SoftwareBrowser) -> None:
    names_itself(demo, laptop)
    confirms(demo, SoftwareBrowser())
    assert "token" in demo.page.context["form"].errors or demo.page.context["form"].errors
    assert not Device.objects.filter(user=demo.user).exists()
    assert not demo.is_verified


def test_a_wrong_signature_is_refused_without_twilio(
    demo: Person, laptop: SoftwareBrowser, monkeypatch: Any
) -> None:
    names_itself(demo, laptop)
    row = newest()
    taken = SimpleNamespace(sid=row.sid, identity=row.data["identity"], factor_type="push", status="verified")
    entity = SimpleNamespace(factors=lambda sid: SimpleNamespace(update=lambda auth_payload: taken))
    monkeypatch.setattr(PushProvider, "entity_of", lambda self, kept, service="": entity)
    confirms(demo, SoftwareBrowser())
    assert not Device.objects.filter(user=demo.user).exists()
    demo.posts("verify", token=json.dumps({"signature": laptop.sign(row.sid)}))
    assert Device.objects.filter(user=demo.user).exists()


def test_a_signature_of_another_factor_registers_nothing(
    demo: Person, ann: Person, laptop: SoftwareBrowser
) -> None:
    names_itself(demo, laptop)
    demo.posts(token=json.dumps({"signature": laptop.sign(Device.objects.get(user=ann.user).value)}))
    assert not Device.objects.filter(user=demo.user).exists()


@pytest.mark.parametrize("key", ["", "AAAA", "ä", "x" * 5000, "P-384", "secret\0"])
def test_an_invalid_key_is_not_registered(demo: Person, key: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    if key == "P-384":
        key = SoftwareBrowser(ec.generate_private_key(ec.SECP384R1())).public_key
    demo.posts("start", method="push", device="")
    demo.posts(name="", public_key=key)
    assert "Your browser did not make a key." in demo.text or "Null characters" in demo.text
    assert not Verification.objects.filter(method="push").exists()


# Races


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
def test_only_one_of_concurrent_answers_is_stored(
    ann: Person, laptop: SoftwareBrowser, mailoutbox: Any
) -> None:
    asked = is_asked(ann)
    mailoutbox.clear()
    approved = laptop.answer(asked.shown, "approved", asked.number)
    denied = laptop.answer(asked.shown, "denied")
    told = at_once(lambda n: sends(approved if n % 2 else denied, asked.number).json(), 8)
    statuses = {answer["status"] for answer in told if "status" in answer}
    assert statuses == {newest().answer}
    assert len(mailoutbox) == (1 if newest().answer == "denied" else 0)


# Arbitrary input

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=5,
)


@given(payload=JSON, body=JSON)
@settings(max_examples=60, deadline=None)
@pytest.mark.django_db
def test_any_answer_gets_an_error_and_stores_nothing(payload: Any, body: Any) -> None:
    with rolled_back():
        browser = SoftwareBrowser()
        token = browser.jwt(payload if isinstance(payload, str) else json.dumps(payload))
        for url in (ANSWER, PENDING):
            for data in ({"answer": token, "proof": token, "number": "1"}, body):
                told = Client().post(url, json.dumps(data), content_type="application/json")
                assert 400 <= told.status_code < 500
                assert set(told.json()) == {"error_code", "display", "nonce"}


@given(changed=st.dictionaries(st.sampled_from(["sid", "details", "hidden_details", "status", "x"]), JSON))
@settings(max_examples=40, deadline=None)
@pytest.mark.slow
@pytest.mark.django_db
def test_any_changed_answer_is_refused(changed: dict[str, Any]) -> None:
    with rolled_back():
        laptop = SoftwareBrowser()
        ann = with_browser("ann", laptop)
        asked = is_asked(ann)
        right = {**asked.signed, "status": "approved"}
        altered = {**right, **changed}
        answer = sends(laptop.jwt(altered), asked.number)
        assert (answer.status_code == 200) is (altered == right)
        assert get_user_model().objects.filter(username="ann").exists()
