"""Threat: an answer that no passkey of the user gave to this request verifies a session, or breaks a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth import get_user_model
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio_2fa_passkey.testing import SoftwareAuthenticator, base64url, from_base64url

from django_twilio_2fa.models import Device, Status, Verification

from ..api.test_api import ERROR, Caller
from ..helpers import at_once
from ..passkeys import answers, asked, begins, creates, names_itself, passkeys, uses, with_passkey
from ..people import Person
from .starts import rolled_back
from .test_input import ANY_TEXT

pytestmark = pytest.mark.usefixtures("sessions_in_database")

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "passkey"]


@pytest.fixture
def phone() -> SoftwareAuthenticator:
    return SoftwareAuthenticator()


@pytest.fixture
def ann(db: None, phone: SoftwareAuthenticator) -> Person:
    return with_passkey("ann", phone)


def newest(person: Person) -> Verification:
    return Verification.objects.filter(user=person.user).latest("pk")


def is_refused(person: Person, attempts: int = 1) -> bool:
    """Return whether an answer was refused like a wrong token: counted, reported, and nobody verified."""
    row = newest(person)
    assert (row.attempts, row.status) == (attempts, Status.PENDING)
    assert person.page.status_code == 200
    assert "That passkey did not work." in person.text
    return not person.is_verified


# Answers that a browser would not sign


FALSE = {
    "another challenge": {"challenge": base64url(bytes(32))},
    "no challenge": {"challenge": ""},
    "another origin": {"origin": "https://evil.example"},
    "an origin that begins alike": {"origin": "https://testserver.evil.example"},
    "plain http": {"origin": "http://testserver"},
    "no origin": {"origin": None},
    "another domain": {"rp_id": "evil.example"},
    "a frame": {"crossOrigin": True},
}


@pytest.mark.parametrize("false", FALSE.values(), ids=FALSE)
def test_a_signed_answer_to_something_else_is_refused(
    ann: Person, phone: SoftwareAuthenticator, false: dict[str, Any]
) -> None:
    assert is_refused(uses(ann, phone, **false))


@pytest.mark.parametrize("false", FALSE.values(), ids=FALSE)
def test_a_passkey_made_for_something_else_is_refused(
    demo: Person, phone: SoftwareAuthenticator, false: dict[str, Any]
) -> None:
    assert is_refused(creates(demo, phone, **false))
    assert not passkeys(demo)


@pytest.mark.parametrize("kind", ["webauthn.create", "payment.get", None])
def test_an_answer_of_another_ceremony_is_refused(
    ann: Person, phone: SoftwareAuthenticator, kind: Any
) -> None:
    assert is_refused(uses(ann, phone, type=kind))


def test_an_assertion_registers_nothing(demo: Person, ann: Person, phone: SoftwareAuthenticator) -> None:
    begins(ann)
    assertion = phone.get(asked(ann))
    names_itself(demo)
    answers(demo, assertion)
    assert not passkeys(demo)


# Other keys, users and sessions


def test_another_key_is_refused(ann: Person, phone: SoftwareAuthenticator) -> None:
    assert is_refused(uses(ann, phone, key=ec.generate_private_key(ec.SECP256R1())))


def test_a_passkey_that_nobody_registered_is_refused(ann: Person, phone: SoftwareAuthenticator) -> None:
    unknown = SoftwareAuthenticator()
    begins(ann)
    challenge = asked(ann)["publicKey"]["challenge"]
    user = {"id": phone.passkeys[0].user_handle}
    unknown.create({"publicKey": {"rp": {"id": "testserver"}, "user": user, "challenge": challenge}})
    assert is_refused(answers(ann, unknown.get(asked(ann), unknown.passkeys[0])))


def test_another_users_passkey_is_refused(ann: Person, phone: SoftwareAuthenticator) -> None:
    theirs = SoftwareAuthenticator()
    with_passkey("eve", theirs)
    [passkey] = theirs.passkeys
    assert is_refused(uses(ann, theirs, passkey=passkey))
    # With the id of Ann's passkey and with her user handle.
    begins(ann)
    answer = theirs.get(asked(ann), passkey, user_handle=phone.passkeys[0].user_handle)
    mine = base64url(phone.passkeys[0].id)
    assert is_refused(answers(ann, {**answer, "id": mine, "rawId": mine}), attempts=2)


def test_a_user_handle_of_somebody_else_is_refused(ann: Person, phone: SoftwareAuthenticator) -> None:
    assert is_refused(uses(ann, phone, user_handle=base64url(b"somebody else")))


def test_an_answer_for_another_users_verification_is_refused(
    ann: Person, phone: SoftwareAuthenticator
) -> None:
    begins(ann)
    row, answer = newest(ann), phone.get(asked(ann))
    theirs = SoftwareAuthenticator()
    eve = with_passkey("eve", theirs)
    begins(eve)
    eve.posts(token=json.dumps(answer), verification=str(row.public_id))
    assert not eve.is_verified
    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.PENDING, 0)


def test_an_answer_in_another_session_of_the_user_is_refused(
    ann: Person, phone: SoftwareAuthenticator
) -> None:
    answer, row = phone.get(asked(begins(ann))), newest(ann)
    thief = begins(Person("ann"))
    thief.posts(token=json.dumps(answer))
    assert not thief.is_verified
    thief.posts("verify", token=json.dumps(answer), verification=str(row.public_id))
    assert not thief.is_verified
    row.refresh_from_db()
    assert row.attempts == 0


def test_a_registration_is_not_taken_over_by_another_session(
    demo: Person, phone: SoftwareAuthenticator
) -> None:
    names_itself(demo)
    row, mine = newest(demo), asked(demo)
    thief = names_itself(Person("demo"))
    assert asked(thief)["publicKey"]["challenge"] != mine["publicKey"]["challenge"]
    thief.posts(token=json.dumps(phone.create(mine)), verification=str(row.public_id))
    assert not passkeys(demo)


# Repeated answers


def test_a_replayed_answer_is_refused(ann: Person, phone: SoftwareAuthenticator) -> None:
    begins(ann)
    answer = phone.get(asked(ann))
    assert answers(ann, answer).is_verified
    again = begins(Person("ann"))
    assert is_refused(answers(again, answer))


def test_a_replayed_answer_without_a_counter_is_refused(db: None) -> None:
    laptop = SoftwareAuthenticator(step=0)
    ann = with_passkey("ann", laptop)
    answer = laptop.get(asked(begins(ann)))
    assert answers(ann, answer).is_verified
    assert is_refused(answers(begins(Person("ann")), answer))


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
def test_a_key_and_its_copy_verify_only_one_session() -> None:
    phone = SoftwareAuthenticator()
    with_passkey("ann", phone)
    people, posts = [], []
    for _ in range(4):
        person = begins(Person("ann"))
        people.append(person)
        posts.append(json.dumps(phone.get(asked(person))))
        # The next answer has the same signature counter.
        phone.counter -= phone.step
    at_once(lambda n: answers(people[n], posts[n]).page.status_code, len(people))
    assert [person.is_verified for person in people].count(True) == 1


def test_the_answer_of_a_registration_registers_once(demo: Person, phone: SoftwareAuthenticator) -> None:
    names_itself(demo)
    answer = phone.create(asked(demo))
    assert answers(demo, answer).is_verified
    names_itself(demo)
    answers(demo, answer)
    assert len(passkeys(demo)) == 1


def test_after_too_many_wrong_answers_no_passkey_is_requested(
    ann: Person, phone: SoftwareAuthenticator
) -> None:
    begins(ann)
    for _ in range(5):
        answers(ann, phone.get(asked(ann), challenge="AAAA"))
    row = newest(ann)
    assert (row.status, row.attempts) == (Status.FAILED, 5)
    begins(ann)
    assert not ann.page.context.get("ceremony")


# Altered answers


def altered(name: str, change: Callable[[bytes], bytes]) -> Change:
    def alter(answer: dict[str, Any]) -> dict[str, Any]:
        value = base64url(change(from_base64url(answer["response"][name])))
        return {**answer, "response": {**answer["response"], name: value}}

    return alter


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda value: value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


ALTERED: dict[str, Change] = {
    "authenticator data": altered("authenticatorData", flipped(0)),
    "user presence": altered("authenticatorData", flipped(32)),
    "user verification": altered("authenticatorData", lambda v: v[:32] + bytes([v[32] ^ 4]) + v[33:]),
    "counter": altered("authenticatorData", flipped(35)),
    "data cut short": altered("authenticatorData", lambda v: v[:30]),
    "data made longer": altered("authenticatorData", lambda v: v + b"\0"),
    "client data": altered("clientDataJSON", lambda v: v.replace(b"testserver", b"testServer")),
    "client data that is a list": altered("clientDataJSON", lambda _v: b"[]"),
    "client data that is no JSON": altered("clientDataJSON", lambda _v: b"\xff"),
    "signature": altered("signature", flipped(-1)),
    "no signature": altered("signature", lambda _v: b""),
    "rawId": lambda answer: {**answer, "rawId": "AAAA"},
    "id": lambda answer: {**answer, "id": "AAAA"},
    "type": lambda answer: {**answer, "type": "password"},
    "attachment": lambda answer: {**answer, "authenticatorAttachment": "elsewhere"},
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_an_altered_answer_is_refused(ann: Person, phone: SoftwareAuthenticator, alter: Change) -> None:
    begins(ann)
    answer = alter(phone.get(asked(ann)))
    page = answers(ann, answer)
    row = newest(ann)
    if "did not send" in page.text:
        assert row.attempts == 0
        assert not page.is_verified
    else:
        assert is_refused(page)


@pytest.mark.parametrize("missing", ["id", "rawId", "type", "response", "clientDataJSON"])
@pytest.mark.parametrize("instead", [None, 5, "", ["x"]], ids=repr)
def test_an_answer_without_a_part_does_not_count_as_an_attempt(
    ann: Person, phone: SoftwareAuthenticator, missing: str, instead: Any
) -> None:
    begins(ann)
    answer = phone.get(asked(ann))
    (answer["response"] if missing == "clientDataJSON" else answer)[missing] = instead
    answers(ann, answer)
    assert "Your browser did not send a passkey." in ann.text
    assert newest(ann).attempts == 0


def test_an_id_that_is_too_long_does_not_count_as_an_attempt(
    ann: Person, phone: SoftwareAuthenticator
) -> None:
    begins(ann)
    answers(ann, {**phone.get(asked(ann)), "id": "A" * 1365})
    assert "Your browser did not send a passkey." in ann.text


def test_a_registration_under_another_id_is_refused(demo: Person, phone: SoftwareAuthenticator) -> None:
    names_itself(demo)
    answer = phone.create(asked(demo))
    assert is_refused(answers(demo, {**answer, "id": "AAAA", "rawId": "AAAA"}))
    assert not passkeys(demo)


# Arbitrary input


TEXT = st.text(max_size=30) | ANY_TEXT | st.binary(max_size=60).map(base64url)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
RESPONSE = (
    "clientDataJSON",
    "authenticatorData",
    "signature",
    "userHandle",
    "attestationObject",
    "transports",
)
SHAPED = st.fixed_dictionaries(
    {"id": TEXT, "rawId": TEXT, "type": st.just("public-key") | JSON},
    optional={
        "response": st.dictionaries(st.sampled_from(RESPONSE), TEXT | JSON) | JSON,
        "authenticatorAttachment": JSON,
    },
)
# Replacements for some values of a right answer.
SOME = st.dictionaries(st.sampled_from(("id", "rawId", "type", *RESPONSE)), TEXT | JSON, min_size=1)

a_few = settings(max_examples=max(20, settings.default.max_examples // 5))


def mixed(answer: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    outer = {k: v for k, v in other.items() if k not in RESPONSE}
    inner = {k: v for k, v in other.items() if k in RESPONSE}
    return {**answer, **outer, "response": {**answer["response"], **inner}}


@a_few
@given(answer=SHAPED | JSON | ANY_TEXT)
def test_any_answer_gets_a_page(ann: Person, answer: Any) -> None:
    with rolled_back():
        person = Person("ann")
        answers(begins(person), answer if isinstance(answer, str) else json.dumps(answer))
        assert person.page.status_code in (200, 400)
        assert not person.is_verified


@a_few
@given(other=SOME)
def test_any_change_of_a_right_answer_is_refused(
    ann: Person, phone: SoftwareAuthenticator, other: dict[str, Any]
) -> None:
    with rolled_back():
        person = begins(Person("ann"))
        right = phone.get(asked(person))
        changed = mixed(right, other)
        # Values that are neither signed nor read may differ.
        ignored = {"attestationObject", "transports"}
        ignored |= set() if changed["response"]["userHandle"] else {"userHandle"}
        same = all(changed[k] == right[k] for k in ("id", "rawId", "type"))
        same &= all(changed["response"].get(k) == v for k, v in right["response"].items() if k not in ignored)
        answers(person, json.dumps(changed))
        assert person.page.status_code in (200, 400)
        # An empty `userHandle` that is not text may be refused, too.
        assert same or not person.is_verified
        if same and changed["response"]["userHandle"] in (right["response"]["userHandle"], None, ""):
            assert person.is_verified


@a_few
@given(other=SOME)
def test_any_change_of_a_registration_is_answered(demo: Person, other: dict[str, Any]) -> None:
    with rolled_back():
        person = names_itself(Person("demo"))
        right = SoftwareAuthenticator().create(asked(person))
        answers(person, json.dumps(mixed(right, other)))
        assert person.page.status_code in (200, 400)
        for device in passkeys(person):
            assert device.data["credential_id"] == right["id"]


@a_few
@given(data=st.binary(max_size=200))
def test_any_bytes_for_an_attestation_are_answered(demo: Person, data: bytes) -> None:
    with rolled_back():
        person = names_itself(Person("demo"))
        right = SoftwareAuthenticator().create(asked(person))
        answers(person, json.dumps(mixed(right, {"attestationObject": base64url(data)})))
        assert person.page.status_code == 200
        assert not Device.objects.filter(user=person.user).exists()


@a_few
@given(answer=SHAPED | JSON)
def test_any_answer_to_the_api_gets_an_api_error(ann: Person, answer: Any) -> None:
    with rolled_back():
        caller = Caller("ann")
        id = caller.sends(method="passkey")["verification_id"]
        told = caller.asks("verify", verification_id=id, answer=answer)
        assert told.status_code in (400, 404), told.content
        assert set(told.json()) == ERROR
        assert not caller.is_verified


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "1" * 5000, '{"response":' * 2000, '{"id": 1e999}', "x" * 20_000, '"\\ud800"', "\0"],
    ids=["deep", "long number", "deep objects", "infinity", "long", "surrogate", "null"],
)
def test_text_that_breaks_parsers_is_answered(ann: Person, text: str) -> None:
    answers(begins(ann), text)
    assert ann.page.status_code == 200
    assert not ann.is_verified
    assert newest(ann).attempts == 0


def test_no_answer_is_logged(ann: Person, phone: SoftwareAuthenticator, caplog: Any) -> None:
    with caplog.at_level("DEBUG"):
        begins(ann)
        answer = phone.get(asked(ann), origin="https://evil.example")
        answers(ann, answer)
    assert "refused" in caplog.text
    for value in (*answer["response"].values(), "evil.example", answer["id"]):
        assert value not in caplog.text


def test_nobody_learns_which_users_have_passkeys(ann: Person, settings: Any) -> None:
    # Nobody can ask for a passkey of a named user: the ids in the request would reveal that there is one.
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    nobody = Caller()
    for user in (ann.user, get_user_model()(pk=4711)):
        told = nobody.client.post(f"/api/2fa/send/?user_id={user.pk}", {"method": "passkey"})
        assert (told.status_code, told.json()["error_code"]) == (400, "method_not_allowed")
