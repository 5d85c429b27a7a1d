"""The helpers for tests of sites have the same effect as real users and real time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, TestCase

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.session import is_verified
from django_twilio_2fa.testing import (
    TwilioSandboxMixin,
    create_two_factor_user,
    register_device,
    verify,
)
from django_twilio_2fa.testing.site import require_sandbox
from django_twilio_2fa.twilio.client import get_client, service_sid
from django_twilio_2fa.verifier import Verifier

from ..twilio.test_bad_days import CHECKS, SENDS


class TestVerify:
    def test_verified_client_is_verified_as_by_a_right_token(
        self, verified_client: Client, two_factor_user: Any
    ) -> None:
        request = verified_client.get("/").wsgi_request
        assert is_verified(request)
        assert is_verified(request, max_age=timedelta(minutes=1))
        assert verified_client.get("/secret/").status_code == 200
        # The verification is also a fresh proof.
        assert verified_client.get("/2fa/add/", follow=True).request["PATH_INFO"] == "/2fa/add/start/"

    def test_a_changed_password_ends_a_verification_made_by_verify(
        self, verified_client: Client, two_factor_user: Any
    ) -> None:
        two_factor_user.set_password("another")
        two_factor_user.save()
        verified_client.force_login(two_factor_user)
        assert verified_client.get("/secret/").status_code == 302

    def test_another_client_is_not_verified(
        self, verified_client: Client, client: Client, two_factor_user: Any
    ) -> None:
        client.force_login(two_factor_user)
        assert client.get("/secret/").status_code == 302

    @pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file", "signed_cookies"])
    def test_verify_works_with_each_session_engine(
        self, client: Client, two_factor_user: Any, settings: Any, tmp_path: Any, engine: str
    ) -> None:
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        settings.SESSION_FILE_PATH = str(tmp_path)
        client.force_login(two_factor_user)
        verify(client)
        assert client.get("/secret/").status_code == 200

    @pytest.mark.parametrize("ago", [3600, timedelta(hours=1)])
    def test_verify_may_set_an_earlier_time(self, client: Client, two_factor_user: Any, ago: Any) -> None:
        client.force_login(two_factor_user)
        verify(client, ago=ago)
        request = client.get("/").wsgi_request
        assert is_verified(request)
        assert is_verified(request, max_age=3660)
        assert not is_verified(request, max_age=3540)

    def test_verify_requires_a_signed_in_client(self, db: None) -> None:
        with pytest.raises(ValueError, match="force_login"):
            verify(Client())


class TestASiteWithUsersOfItsOwn:
    @pytest.fixture
    def two_factor_user(self, db: None) -> Any:
        return get_user_model().objects.create_user("ann")

    def test_verified_client_signs_in_the_sites_own_user(
        self, settings: Any, request: pytest.FixtureRequest, two_factor_user: Any
    ) -> None:
        settings.TWILIO_2FA_SANDBOX = False
        verified_client = request.getfixturevalue("verified_client")
        assert is_verified(verified_client.get("/").wsgi_request)
        assert verified_client.get("/").wsgi_request.user == two_factor_user
        assert settings.TWILIO_2FA_SANDBOX


class TestSandbox:
    def test_move_clock_lets_a_token_expire(self, twilio_sandbox: Any, two_factor_user: Any) -> None:
        verifier = Verifier(two_factor_user, flow="x")
        row = verifier.send("sms")
        twilio_sandbox.move_clock(601)
        row.refresh_from_db()
        with pytest.raises(errors.VerificationExpired):
            verifier.check(row, twilio_sandbox.last_code())

    def test_move_clock_ends_limits_and_locks(
        self, twilio_sandbox: Any, two_factor_user: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "1/h", "sends_per_destination": "1/h"}
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        verifier = Verifier(two_factor_user, flow="x")
        verifier.cancel(verifier.send("sms"))
        with pytest.raises(errors.TooManySends):
            verifier.send("sms")
        twilio_sandbox.move_clock(3900)
        assert verifier.send("sms").status == "pending"

    @pytest.mark.parametrize("fault", SENDS)
    def test_a_fault_of_a_send_has_the_same_effect_as_over_http(
        self, twilio_sandbox: Any, two_factor_user: Any, fault: str
    ) -> None:
        code, uncertain, arrives = SENDS[fault]
        verifier = Verifier(two_factor_user, flow="x")
        # All requests, because a refused connection and a refused locale are retried once.
        with twilio_sandbox.fault(fault, on="/Verifications", times=0):
            if code:
                with pytest.raises(errors.TwoFactorError) as caught:
                    verifier.send("sms")
                assert (caught.value.full_code, caught.value.uncertain) == (code, uncertain)
            else:
                verifier.send("sms")
        assert len(twilio_sandbox.messages()) == arrives

    @pytest.mark.parametrize("fault", CHECKS)
    def test_a_fault_of_a_check_has_the_same_effect_as_over_http(
        self, twilio_sandbox: Any, two_factor_user: Any, fault: str
    ) -> None:
        code, status, good = CHECKS[fault]
        verifier = Verifier(two_factor_user, flow="x")
        row = verifier.send("sms")
        token = twilio_sandbox.last_code()
        with twilio_sandbox.fault(fault, on="/VerificationCheck"):
            if code:
                with pytest.raises(errors.TwoFactorError) as caught:
                    verifier.check(row, token)
                assert caught.value.full_code == code
            else:
                verifier.check(row, token)
        row.refresh_from_db()
        assert row.status == status
        if good:
            assert verifier.check(row, token).status == "approved"

    def test_a_service_may_lack_a_sender_for_whatsapp(self, twilio_sandbox: Any) -> None:
        # Versions of twilio-python read this value differently.
        def sender() -> Any:
            answer = get_client().request("GET", f"https://verify.twilio.com/v2/Services/{service_sid()}")
            return json.loads(answer.text)["whatsapp"]["msg_service_sid"]

        assert sender()
        with twilio_sandbox.fault("no-whatsapp"):
            assert not sender()

    def test_a_fault_fails_the_given_requests_only(self, twilio_sandbox: Any, two_factor_user: Any) -> None:
        verifier = Verifier(two_factor_user, flow="x")
        with twilio_sandbox.fault(20503, on="/VerificationCheck"):
            row = verifier.send("sms")
            with pytest.raises(errors.TwilioUnavailable):
                verifier.check(row, twilio_sandbox.last_code())
            assert verifier.check(row, twilio_sandbox.last_code()).status == "approved"

    def test_a_connection_that_is_refused_once_is_retried(
        self, twilio_sandbox: Any, two_factor_user: Any
    ) -> None:
        with twilio_sandbox.fault("refuse"):
            assert Verifier(two_factor_user, flow="x").send("sms").status == "pending"

    def test_a_fault_ends_with_the_with_block(self, twilio_sandbox: Any, two_factor_user: Any) -> None:
        with twilio_sandbox.fault(20503):
            pass
        assert Verifier(two_factor_user, flow="x").send("sms").status == "pending"

    @pytest.mark.parametrize("name", ["owl", "1", "²", ""])
    def test_an_unknown_sandbox_fault_is_an_error(self, twilio_sandbox: Any, name: str) -> None:
        with pytest.raises(KeyError), twilio_sandbox.fault(name):
            pass

    def test_last_message_has_the_last_code(self, twilio_sandbox: Any, two_factor_user: Any) -> None:
        Verifier(two_factor_user, flow="x").send("sms")
        message = twilio_sandbox.last_message("+12025550143")
        assert (message["channel"], message["code"]) == ("sms", twilio_sandbox.last_code())
        assert message["code"] in message["body"]

    @pytest.mark.parametrize(
        "account",
        [
            {"ACCOUNT_SID": "made-up", "AUTH_TOKEN": "made-up", "SERVICE_ID": "made-up"},
            {"AUTH_TOKEN": "invalid", "REGISTRATION_SERVICE_ID": "made-up"},
            {"SANDBOX": False, "BASE_URL": "http://twilio.invalid"},
        ],
    )
    def test_the_sandbox_ignores_the_account_of_the_site(
        self, settings: Any, request: pytest.FixtureRequest, account: dict[str, str]
    ) -> None:
        for name, value in account.items():
            setattr(settings, f"TWILIO_2FA_{name}", value)
        request.getfixturevalue("twilio_sandbox")
        user = request.getfixturevalue("two_factor_user")
        assert Verifier(user, flow="x").send("sms").status == "pending"
        new_user = get_user_model().objects.create_user("ann")
        assert Verifier(new_user, flow="y").send("sms", to="+12025550144").status == "pending"

    def test_last_code_without_a_message_raises(self, twilio_sandbox: Any) -> None:
        with pytest.raises(LookupError, match="Nothing was delivered yet"):
            twilio_sandbox.last_code()

    def test_without_the_app_of_the_sandbox_an_error_says_what_to_do(self, settings: Any) -> None:
        settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "django_twilio_2fa.sandbox"]
        with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
            require_sandbox()


def test_register_device_registers_a_number_or_address(db: None) -> None:
    user = get_user_model().objects.create_user("ann")
    register_device(user, "+12025550144", name="Work")
    register_device(user, EmailAddress("ann@example.com"))
    assert [(d.kind, d.value, d.name) for d in Device.objects.filter(user=user)] == [
        ("phone_number", "+12025550144", "Work"),
        ("email", "ann@example.com", ""),
    ]


class TestUnittest(TwilioSandboxMixin, TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        # The sandbox of the mixin already replaces Twilio.
        assert django_settings.TWILIO_2FA_BASE_URL is None
        cls.user = create_two_factor_user("ann", email="ann@example.com")
        cls.row = Verifier(cls.user, flow="x").send("sms")

    def test_the_mixin_has_the_sandbox(self) -> None:
        assert self.sandbox.messages()[0]["code"] == self.sandbox.last_code("+12025550143")
        self.sandbox.move_clock(30)
        self.row.refresh_from_db()
        assert self.row.can_resend_in() == 0


class TestUnittestOfASite(TwilioSandboxMixin, TestCase):
    """A test case that does not call `super().setUp()`, like many."""

    def setUp(self) -> None:
        self.user = create_two_factor_user()

    def test_a_test_with_the_mixin_sends_nothing_to_twilio(self) -> None:
        assert django_settings.TWILIO_2FA_BASE_URL is None
        Verifier(self.user, flow="x").send("sms")
        assert self.sandbox.last_code()
