"""Settings of the Twilio account, the service, the sandbox and the connection to Twilio."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.twilio import client

from ..people import PHONE, Person
from . import callbacks
from .loopback import ACCOUNT, KEY, SECRET, SERVICE, TOKEN, Loopback
from .shows import shows

UNSURE = "We are not sure the code was sent"
UNAVAILABLE = "a problem with sending or checking codes this way"


@pytest.fixture
def twilio(settings: Any) -> Iterator[Loopback]:
    """Return an HTTP server in place of Twilio. The account is set up except for its credentials."""
    loopback = Loopback()
    settings.TWILIO_2FA_SANDBOX = False
    settings.TWILIO_2FA_BASE_URL = loopback.address
    settings.TWILIO_2FA_ACCOUNT_SID = ACCOUNT
    settings.TWILIO_2FA_SERVICE_ID = SERVICE
    client._clients.clear()  # clients of the sandbox, from an earlier test
    yield loopback
    for made in client._clients.values():
        made.http_client.inner.session.close()
    client._clients.clear()
    loopback.close()


@pytest.fixture
def account(twilio: Loopback, settings: Any) -> Loopback:
    settings.TWILIO_2FA_AUTH_TOKEN = TOKEN
    return twilio


def sees_that_codes_are_unavailable(person: Person) -> bool:
    return person.page.status_code == 200 and UNAVAILABLE in person.text


@shows("ACCOUNT_SID", "AUTH_TOKEN", "SERVICE_ID")
class TestAccount:
    def test_with_an_account_codes_are_sent_by_twilio(self, pat: Person, account: Loopback) -> None:
        assert pat.opens("start").picks("sms").is_at("verify")
        assert account.requests == [(ACCOUNT, f"/v2/Services/{SERVICE}/Verifications")]
        assert pat.has_got() == 0

    @pytest.mark.parametrize("missing", ["ACCOUNT_SID", "AUTH_TOKEN", "SERVICE_ID"])
    def test_incomplete_credentials_send_nothing_and_show_an_error(
        self, pat: Person, account: Loopback, settings: Any, missing: str
    ) -> None:
        setattr(settings, f"TWILIO_2FA_{missing}", None)
        pat.opens("start").picks("sms")
        assert sees_that_codes_are_unavailable(pat)
        assert account.requests == []

    @pytest.mark.parametrize(
        ("name", "wrong"), [("ACCOUNT_SID", f"AC{9:032}"), ("AUTH_TOKEN", "x"), ("SERVICE_ID", f"VA{9:032}")]
    )
    def test_with_wrong_credentials_the_user_sees_an_error(
        self, pat: Person, account: Loopback, settings: Any, name: str, wrong: str
    ) -> None:
        setattr(settings, f"TWILIO_2FA_{name}", wrong)
        pat.opens("start").picks("sms")
        assert sees_that_codes_are_unavailable(pat)
        # A 404 may be about the locale, so the request is repeated once without it.
        assert len(account.requests) == (2 if name == "SERVICE_ID" else 1)


@shows("API_KEY_SID", "API_KEY_SECRET")
class TestApiKey:
    def test_an_api_key_works_in_place_of_the_auth_token(
        self, pat: Person, twilio: Loopback, settings: Any
    ) -> None:
        settings.TWILIO_2FA_API_KEY_SID, settings.TWILIO_2FA_API_KEY_SECRET = KEY, SECRET
        assert pat.opens("start").picks("sms").is_at("verify")
        assert [user for user, _path in twilio.requests] == [KEY]

    @pytest.mark.parametrize(("key", "secret"), [(KEY, None), (None, SECRET), (KEY, "x"), ("SK0", SECRET)])
    def test_an_api_key_without_secret_does_not_work(
        self, pat: Person, twilio: Loopback, settings: Any, key: str | None, secret: str | None
    ) -> None:
        settings.TWILIO_2FA_API_KEY_SID, settings.TWILIO_2FA_API_KEY_SECRET = key, secret
        pat.opens("start").picks("sms")
        assert sees_that_codes_are_unavailable(pat)


@shows("REGISTRATION_SERVICE_ID")
def test_a_second_service_separates_codes_to_a_shared_number(
    pat: Person, demo: Person, settings: Any, no_cooldown: None
) -> None:
    pat.opens("start").picks("sms")
    demo.opens("start").picks("sms").registers()
    assert len({m["code"] for m in messages.delivered(PHONE)}) == 1
    SandboxVerification.objects.all().delete()
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = "VA" + "7" * 32
    demo.posts("verify", action="cancel")
    demo.opens("start").picks("sms").registers()
    assert SandboxVerification.objects.get().service_sid == "VA" + "7" * 32
    assert demo.types_the_code().is_verified


@shows("SERVICE_NAME")
@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (None, "Your Sandbox verification code"),
        ("Shop", "Your Shop verification code"),
        (f"{callbacks.HERE}.named_by_host", "Your The shop at testserver verification code"),
    ],
)
def test_the_message_has_the_service_name(pat: Person, settings: Any, name: str | None, seen: str) -> None:
    settings.TWILIO_2FA_SERVICE_NAME = name
    pat.opens("start").picks("sms")
    assert messages.delivered(PHONE)[0]["body"].startswith(seen)


@shows("SANDBOX")
def test_without_sandbox_and_credentials_an_error_is_shown(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_SANDBOX = False
    assert sam.client.get("/sandbox/").status_code == 404
    for method in ("sms", "call", "whatsapp", "email"):
        sam.opens("start").picks(method)
        assert sees_that_codes_are_unavailable(sam)
        assert sam.is_at("start")
    settings.TWILIO_2FA_SANDBOX = True
    assert sam.client.get("/sandbox/").status_code == 200
    assert sam.opens("start").picks("sms").is_at("verify")


@shows("SANDBOX_WITHOUT_DEBUG")
def test_the_sandbox_without_debug_requires_its_setting(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = False
    pat.opens("start").picks("sms")
    assert sees_that_codes_are_unavailable(pat)
    assert pat.client.get("/sandbox/").status_code == 404
    settings.TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = True
    assert pat.opens("start").picks("sms").is_at("verify")


@shows("BASE_URL")
def test_requests_go_to_the_base_url(
    pat: Person, account: Loopback, settings: Any, no_cooldown: None
) -> None:
    other = Loopback()
    settings.TWILIO_2FA_BASE_URL = other.address
    assert pat.opens("start").picks("sms").is_at("verify")
    assert (len(account.requests), len(other.requests)) == (0, 1)
    other.close()
    settings.TWILIO_2FA_BASE_URL = f"{other.address}/"
    pat.posts("verify", action="cancel")
    pat.opens("start").picks("sms")
    assert sees_that_codes_are_unavailable(pat)


@shows("TIMEOUT")
@pytest.mark.parametrize("timeout", [0.2, (5, 0.2), [5, 0.2]])
def test_the_timeout_ends_a_slow_request_to_twilio(
    pat: Person, account: Loopback, settings: Any, timeout: Any
) -> None:
    account.delay = 1.5
    settings.TWILIO_2FA_TIMEOUT = timeout
    began = time.monotonic()
    pat.opens("start").picks("sms")
    assert time.monotonic() - began < 1.2
    assert UNSURE in pat.text
    # The code may have been sent all the same, so the user can type it.
    assert pat.is_at("verify")


@shows("TIMEOUT")
def test_a_slow_twilio_within_the_timeout_sends_the_code(
    pat: Person, account: Loopback, settings: Any
) -> None:
    account.delay = 0.4
    settings.TWILIO_2FA_TIMEOUT = 5
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    assert pat.opens("start").picks("sms").is_at("verify")
    assert UNSURE not in pat.text
    settings.TWILIO_2FA_TIMEOUT = 0.1
    assert UNSURE in pat.posts("verify", action="resend").text


def test_the_sandbox_accepts_the_placeholders_of_the_docs(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ACCOUNT_SID, settings.TWILIO_2FA_SERVICE_ID = "AC…", "VA…"
    settings.TWILIO_2FA_AUTH_TOKEN = "…"
    assert pat.opens("start").picks("sms").types_the_code().is_verified
