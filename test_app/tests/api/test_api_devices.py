"""Passkeys, authenticator apps and recovery codes over the API."""

from __future__ import annotations

from typing import Any

import pytest
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import TwilioSandbox

from ..people import Person
from .test_api import Caller, refused


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp", "passkey", "recovery"]


def registers(caller: Caller, method: str, **values: Any) -> dict[str, Any]:
    answer = caller.asks("register", method=method, **values)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def answers(caller: Caller, told: dict[str, Any], answer: dict[str, Any]) -> Any:
    return caller.asks("verify", verification_id=told["verification_id"], answer=answer)


def with_passkey(caller: Caller, authenticator: SoftwareAuthenticator) -> None:
    told = registers(caller, "passkey", name="My phone")
    assert answers(caller, told, authenticator.create(told["ceremony"])).status_code == 200


@pytest.mark.parametrize("token", [False, True])
def test_a_passkey_is_registered_and_used(demo: Person, token: bool) -> None:
    caller, authenticator = Caller("demo", token=token), SoftwareAuthenticator()
    told = registers(caller, "passkey", name="My phone")
    assert told["display"] == "Create a passkey. Your browser will tell you how."
    assert told["registration"] == {}
    done = answers(caller, told, authenticator.create(told["ceremony"]))
    assert done.json()["backups"] == ["recovery"]
    assert caller.is_verified
    assert Device.objects.get().name == "My phone"

    other = Caller("demo")
    told = other.sends(method="passkey")
    assert told["display"] == "Use your passkey. Your browser will tell you how."
    assert answers(other, told, authenticator.get(told["ceremony"])).status_code == 200
    assert other.is_verified


def test_a_second_passkey_needs_a_proof(demo: Person) -> None:
    authenticator = SoftwareAuthenticator()
    with_passkey(Caller("demo"), authenticator)
    other = Caller("demo")
    refused(other.asks("register", method="passkey"), 403, "proof_required")
    told = other.sends(method="passkey")
    answers(other, told, authenticator.get(told["ceremony"]))
    with_passkey(other, SoftwareAuthenticator())
    assert Device.objects.filter(user=demo.user).count() == 2


def test_after_a_wrong_answer_the_challenge_is_new(demo: Person) -> None:
    caller, authenticator = Caller("demo"), SoftwareAuthenticator()
    with_passkey(caller, authenticator)
    first = caller.sends(method="passkey")
    wrong = authenticator.get(first["ceremony"], origin="https://evil.example")
    told = refused(answers(caller, first, wrong), 400, "invalid_verification_code")
    assert told["display"] == "That passkey did not work. Try again, or try another way."
    assert told["data"] == {"attempts_left": 4}
    # The verification is the same. The challenge is new.
    again = caller.sends(method="passkey")
    assert again["verification_id"] == first["verification_id"]
    assert again["ceremony"]["publicKey"]["challenge"] != first["ceremony"]["publicKey"]["challenge"]
    assert answers(caller, again, authenticator.get(again["ceremony"])).status_code == 200


def test_an_authenticator_app_is_registered(demo: Person) -> None:
    caller = Caller("demo")
    told = registers(caller, "totp", name="My app")
    assert told["registration"]["uri"].startswith("otpauth://totp/")
    code = TwilioSandbox().authenticator_code(told["registration"]["secret"])
    assert caller.verifies(told["verification_id"], code).status_code == 200
    assert caller.is_verified
    # The secret is shown once.
    assert "registration" not in caller.sends(method="totp")


def test_recovery_codes_are_registered_and_used(sam: Person) -> None:
    caller, phone = Caller("sam"), TwilioSandbox()
    caller.verifies(caller.sends(method="sms")["verification_id"], phone.last_code())
    told = registers(caller, "recovery")
    codes = told["registration"]["codes"]
    assert len(codes) == 10
    assert caller.verifies(told["verification_id"], "").status_code == 200
    other = Caller("sam")
    assert other.verifies(other.sends(method="recovery")["verification_id"], codes[3]).status_code == 200
    assert other.is_verified


def test_the_register_endpoint_refuses_other_methods(demo: Person) -> None:
    caller = Caller("demo")
    refused(caller.asks("register", method="sms"), 400, "method_not_allowed")
    refused(caller.asks("register", method="owl"), 400, "method_not_allowed")
    refused(caller.asks("register"), 400, "malformed_request")
    refused(Caller().asks("register", method="passkey"), 401, "user_unauthenticated")


def test_a_form_with_a_code_needs_no_answer_field(sam: Person) -> None:
    caller = Caller("sam")
    id = caller.sends(method="sms")["verification_id"]
    form = {"verification_id": id, "code": TwilioSandbox().last_code()}
    assert caller.client.post("/api/2fa/verify/", form).status_code == 200


def test_an_answer_that_is_not_an_object_is_malformed(sam: Person) -> None:
    caller = Caller("sam")
    told = caller.sends(method="sms")
    assert "ceremony" not in told
    for answer in ("123456", [1], 5):
        found = caller.asks("verify", verification_id=told["verification_id"], answer=answer)
        refused(found, 400, "malformed_request")
