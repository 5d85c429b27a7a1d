"""Passkeys in the sandbox, which accepts only signatures for the same factor or challenge."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..clock import pass_time
from .asking import IDENTITY, SERVICE, Answer, created, get, post
from .passkey_device import PasskeyDevice, base64url

pytestmark = pytest.mark.django_db

PASSKEYS = f"{SERVICE}/Passkeys"
PARTY = {"id": "example.com", "name": "Example", "origins": ["https://example.com"]}


@pytest.fixture
def device() -> PasskeyDevice:
    return PasskeyDevice()


def asked(identity: str = IDENTITY, **config: Any) -> dict[str, Any]:
    values = {"identity": identity, "friendly_name": "Laptop", "config": {"relying_party": PARTY, **config}}
    return created(f"{PASSKEYS}/Factors", values)


def verify(answer: dict[str, Any]) -> Answer:
    return post(f"{PASSKEYS}/VerifyFactor", answer)


def registered(device: PasskeyDevice, identity: str = IDENTITY) -> dict[str, Any]:
    answer = verify(device.creates(asked(identity)["options"]))
    assert answer["status"] == "verified", answer.body
    return answer.body


def challenge(**values: str) -> dict[str, Any]:
    return created(f"{PASSKEYS}/Challenges", values)


def approve(answer: dict[str, Any]) -> Answer:
    return post(f"{PASSKEYS}/ApproveChallenge", answer)


class TestRegistration:
    def test_the_options_for_the_browser_are_complete(self, device: PasskeyDevice) -> None:
        registered(device)
        found = asked(user_verification="required", authenticator_attachment="platform")
        options = found["options"]["publicKey"]
        assert options["rp"] == {"id": "example.com", "name": "Example"}
        assert options["user"]["id"] == base64url(found["entity_sid"].encode())
        assert [c["id"] for c in options["excludeCredentials"]] == [base64url(device.id)]
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert options["authenticatorSelection"]["authenticatorAttachment"] == "platform"

    def test_the_services_relying_party_is_the_default(self, device: PasskeyDevice) -> None:
        values = {"identity": IDENTITY, "friendly_name": "Laptop"}
        assert post(f"{PASSKEYS}/Factors", values).code == 60200
        party = {"Id": "example.com", "Name": "Example", "Origins": "example.com, www.example.com"}
        post(SERVICE, {f"Passkeys.RelyingParty.{name}": value for name, value in party.items()})
        found = created(f"{PASSKEYS}/Factors", values)
        assert found["config"]["relying_party"]["origins"] == ["example.com", "www.example.com"]
        assert verify(device.creates(found["options"]))["status"] == "verified"

    @pytest.mark.parametrize("wrong", ["another origin", "another site", "another challenge", "altered"])
    def test_a_wrong_answer_is_refused(self, device: PasskeyDevice, wrong: str) -> None:
        found = asked()
        options = found["options"]["publicKey"]
        if wrong == "another origin":
            device.origin = "https://evil.example"
        if wrong == "another site":
            options["rp"]["id"] = "evil.example"
        if wrong == "another challenge":
            options["challenge"] = base64url(("YF" + "0" * 32).encode())
        answer = device.creates(found["options"])
        if wrong == "altered":
            answer["response"]["attestationObject"] = answer["response"]["attestationObject"][:-4]
        assert verify(answer).code == 60311
        assert get(f"{SERVICE}/Entities/{IDENTITY}/Factors/{found['sid']}")["status"] == "unverified"

    def test_passkeys_without_the_extra_are_an_error(self, device: PasskeyDevice, monkeypatch: Any) -> None:
        answer = device.creates(asked()["options"])
        monkeypatch.setitem(sys.modules, "webauthn", None)
        assert 'pip install "django-twilio-2fa[sandbox]"' in verify(answer)["message"]

    def test_a_registration_answer_is_accepted_once(self, device: PasskeyDevice) -> None:
        answer = device.creates(asked()["options"])
        assert verify(answer)["status"] == "verified"
        assert verify(answer).code == 60311

    def test_a_factor_has_one_passkey(self, device: PasskeyDevice) -> None:
        options = asked()["options"]
        verify(device.creates(options))
        assert verify(PasskeyDevice().creates(options)).code == 60311

    def test_a_passkey_belongs_to_one_entity(self, device: PasskeyDevice) -> None:
        registered(device)
        assert verify(device.creates(asked("bob-12345678")["options"])).code == 60311

    def test_a_registration_has_to_be_answered_in_time(self, device: PasskeyDevice) -> None:
        answer = device.creates(asked()["options"])
        pass_time(601)
        assert verify(answer).code == 60311


class TestChallenge:
    def test_a_passkey_approves_once(self, device: PasskeyDevice) -> None:
        factor = registered(device)
        found = challenge(identity=IDENTITY)
        allowed = found["options"]["publicKey"]["allowCredentials"]
        assert [c["id"] for c in allowed] == [base64url(device.id)]
        answer = device.gets(found["options"])
        approved = approve(answer)
        assert (approved["status"], approved["factor_sid"]) == ("approved", factor["sid"])
        assert approve(answer).code == 60322

    def test_a_challenge_without_identity_accepts_any_passkey(self, device: PasskeyDevice) -> None:
        party = {"Passkeys.RelyingParty.Id": "example.com", "Passkeys.RelyingParty.Origins": "example.com"}
        post(SERVICE, party)
        registered(device)
        found = challenge()
        assert found["options"]["publicKey"]["allowCredentials"] == []
        assert approve(device.gets(found["options"]))["identity"] == IDENTITY

    @pytest.mark.parametrize(
        "wrong",
        ["another passkey", "anothers passkey", "another origin", "another site", "altered", "cloned"],
    )
    def test_a_wrong_answer_is_refused(self, device: PasskeyDevice, wrong: str) -> None:
        registered(device)
        found = challenge(identity=IDENTITY)
        options = found["options"]
        answering = device
        if wrong == "another passkey":
            answering = PasskeyDevice()
        if wrong == "anothers passkey":
            answering = PasskeyDevice()
            registered(answering, "bob-12345678")
        if wrong == "another origin":
            device.origin = "https://evil.example"
        if wrong == "another site":
            options["publicKey"]["rpId"] = "evil.example"
        if wrong == "cloned":
            device.counter = 0
        answer = answering.gets(options)
        if wrong == "altered":
            client = {"type": "webauthn.get", "origin": device.origin, "extra": 1}
            client["challenge"] = options["publicKey"]["challenge"]
            answer["response"]["clientDataJSON"] = base64url(json.dumps(client).encode())
        assert approve(answer).code == 60324

    def test_a_passkey_challenge_expires(self, device: PasskeyDevice) -> None:
        registered(device)
        answer = device.gets(challenge(identity=IDENTITY)["options"])
        pass_time(601)
        assert approve(answer).code == 60323

    def test_wrong_answers_are_counted(self, device: PasskeyDevice) -> None:
        registered(device)
        options = challenge(identity=IDENTITY)["options"]
        for _ in range(5):
            assert approve(PasskeyDevice().gets(options)).code == 60324
        assert approve(device.gets(options)).code == 60308

    def test_an_entity_without_a_passkey_gets_no_challenge(self, device: PasskeyDevice) -> None:
        registered(device)
        assert post(f"{PASSKEYS}/Challenges", {"identity": "bob-12345678"}).code == 20404
        unverified = asked()["sid"]
        assert post(f"{PASSKEYS}/Challenges", {"factor_sid": unverified}).code == 60318


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    path=st.sampled_from(["Factors", "VerifyFactor", "Challenges", "ApproveChallenge"]),
    name=st.sampled_from(["id", "response", "identity", "config", "factor_sid", "friendly_name"]),
    value=JSON,
)
def test_any_passkey_request_is_answered_without_a_server_error(path: str, name: str, value: Any) -> None:
    good = {"id": "x", "rawId": "x", "authenticatorAttachment": "platform", "identity": IDENTITY}
    good |= {"friendly_name": "x", "response": {"clientDataJSON": base64url(b'{"challenge": "eA"}')}}
    assert post(f"{PASSKEYS}/{path}", {**good, name: value}).status in (201, 400, 403, 404)
