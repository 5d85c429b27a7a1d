"""Log in without a password over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from hypothesis import given
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa.models import Lock, Verification
from django_twilio_2fa.process import lockout

from ..attacks.starts import rolled_back
from ..attacks.test_input import ANY_TEXT
from ..attacks.test_passkeys import JSON, SHAPED, a_few
from ..helpers import heard
from ..passkeys import with_passkey
from .test_api import ERROR, Caller, refused

pytestmark = pytest.mark.usefixtures("sessions_in_database")


@pytest.fixture(autouse=True)
def offered(settings: Any) -> Any:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "passkey"]
    settings.TWILIO_2FA_PASSWORDLESS_LOGIN = True
    return settings


@pytest.fixture
def phone(db: None) -> SoftwareAuthenticator:
    """Return Ann's phone, which holds her passkey."""
    found = SoftwareAuthenticator()
    with_passkey("ann", found)
    return found


def begins(caller: Caller) -> dict[str, Any]:
    answer = caller.asks("log-in/begin")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def logs_in(caller: Caller, authenticator: SoftwareAuthenticator, **false: Any) -> Any:
    told = begins(caller)
    return caller.asks(
        "log-in", login_id=told["login_id"], answer=authenticator.get(told["ceremony"], **false)
    )


def test_a_passkey_logs_in_over_the_api(phone: SoftwareAuthenticator) -> None:
    caller = Caller()
    with heard(user_logged_in) as told:
        answer = logs_in(caller, phone)
    assert answer.json() == {
        "verified": True,
        "signed_in": True,
        "display": "We have checked it is you.",
        "attempts": 1,
        "sends": 0,
        "phone_required": False,
        "backups": [],
    }
    assert [event["user"].username for event in told] == ["ann"]
    assert caller.is_verified
    assert Verification.objects.get(details__passwordless=True).verifies_session


def test_log_in_begin_returns_a_ceremony_and_its_expiry(phone: SoftwareAuthenticator) -> None:
    told = begins(Caller())
    assert set(told) == {"login_id", "ceremony", "expires_in"}
    assert told["expires_in"] == 600
    assert told["ceremony"]["publicKey"]["userVerification"] == "required"


def test_the_log_in_response_says_that_a_phone_is_required(
    phone: SoftwareAuthenticator, offered: Any
) -> None:
    offered.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
    assert logs_in(Caller(), phone).json()["phone_required"] is True


def test_log_in_over_the_api_checks_csrf(phone: SoftwareAuthenticator) -> None:
    caller = Caller()
    caller.client = Client(enforce_csrf_checks=True)
    assert refused(logs_in(caller, phone), 403, "user_not_allowed")
    caller.headers = {"HTTP_X_CSRFTOKEN": caller.client.cookies["csrftoken"].value}
    assert logs_in(caller, phone).status_code == 200


def test_an_api_token_logs_nobody_in(phone: SoftwareAuthenticator) -> None:
    refused(Caller("ann", token=True).asks("log-in/begin"), 400, "method_not_allowed")


def test_without_the_setting_the_api_logs_nobody_in(phone: SoftwareAuthenticator, offered: Any) -> None:
    caller = Caller()
    told = begins(caller)
    offered.TWILIO_2FA_PASSWORDLESS_LOGIN = False
    refused(caller.asks("log-in/begin"), 400, "method_not_allowed")
    answer = phone.get(told["ceremony"])
    refused(caller.asks("log-in", login_id=told["login_id"], answer=answer), 400, "method_not_allowed")


def test_permissions_of_the_site_do_not_block_a_log_in(phone: SoftwareAuthenticator, offered: Any) -> None:
    offered.TWILIO_2FA_API_CLASSES = {"permission": "rest_framework.permissions.IsAuthenticated"}
    assert logs_in(Caller(), phone).status_code == 200


@pytest.mark.parametrize("false", [{"origin": "https://evil.example"}, {"user_handle": ""}])
def test_a_false_answer_over_the_api_is_refused(phone: SoftwareAuthenticator, false: dict[str, Any]) -> None:
    caller = Caller()
    refused(logs_in(caller, phone, **false), 400, "invalid_verification_code")
    assert not caller.is_verified


def test_an_answer_over_the_api_is_accepted_once(phone: SoftwareAuthenticator) -> None:
    caller = Caller()
    told = begins(caller)
    values = {"login_id": told["login_id"], "answer": phone.get(told["ceremony"])}
    refused(Caller().asks("log-in", **values), 400, "verification_expired")
    assert caller.asks("log-in", **values).status_code == 200
    refused(caller.asks("log-in", **values), 400, "verification_expired")


def test_the_api_respects_locks_and_inactive_users(phone: SoftwareAuthenticator) -> None:
    user = get_user_model().objects.get()
    lockout.lock((user.pk,), Lock.FOR_EVER)
    refused(logs_in(Caller(), phone), 429, "account_locked")
    lockout.unlock(user)
    get_user_model().objects.update(is_active=False)
    refused(logs_in(Caller(), phone), 400, "invalid_verification_code")


def test_refused_log_ins_over_the_api_are_limited(phone: SoftwareAuthenticator) -> None:
    caller = Caller()
    for _ in range(10):
        logs_in(caller, phone, origin="https://evil.example")
    answer = logs_in(caller, phone)
    refused(answer, 429, "max_attempts_reached")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("values", [{}, {"login_id": "x"}, {"login_id": "x", "answer": "x"}, {"answer": {}}])
def test_a_log_in_with_a_missing_field_is_malformed(db: None, values: dict[str, Any]) -> None:
    refused(Caller().asks("log-in", **values), 400, "malformed_request")


@a_few
@given(id=ANY_TEXT, answer=SHAPED | JSON)
def test_any_log_in_over_the_api_gets_a_well_formed_error(
    phone: SoftwareAuthenticator, id: str, answer: Any
) -> None:
    with rolled_back():
        caller = Caller()
        for known in (id, begins(caller)["login_id"]):
            told = caller.asks("log-in", login_id=known, answer=answer)
            assert told.status_code == 400, told.content
            assert set(told.json()) == ERROR
        assert json.loads(caller.client.get("/api/2fa/devices/").content)["success"] is False
