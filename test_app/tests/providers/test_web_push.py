"""Web Push notifications to registered browsers, on sites that have set them up."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.checks import run_checks
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio_2fa_push import web_push
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa.models import Device

from ..attacks.test_input import ANY_TEXT
from ..conf.shows import shows
from ..people import Person
from ..pushes import approves, is_asked, newest, pending, requests, with_browser

SUBSCRIBE = "/2fa/push/subscribe/"
# Any 32 bytes in base64url.
VAPID = base64.urlsafe_b64encode(bytes(range(1, 33))).rstrip(b"=").decode()


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class PushService:
    """A push service that browsers subscribe to."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 201
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.taken.append((dict(self.headers), body))
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)

    @property
    def subscription(self) -> dict[str, Any]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encoded(point), "auth": encoded(self.auth)}
        return {"endpoint": f"{self.origin}/send/1", "expirationTime": None, "keys": keys}

    def read(self) -> dict[str, str]:
        """Decrypt the last notification, as the browser does."""
        import http_ece

        text = http_ece.decrypt(self.taken[-1][1], private_key=self.key, auth_secret=self.auth)
        return dict(json.loads(text))


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    found = PushService()
    settings.TWILIO_2FA_PUSH_SERVICES = [found.origin, "push.example.com"]
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "push"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY = VAPID
    settings.TWILIO_2FA_PUSH_VAPID_SUBJECT = "mailto:ops@example.com"


@pytest.fixture
def laptop() -> SoftwareBrowser:
    return SoftwareBrowser()


@pytest.fixture
def ann(db: None, laptop: SoftwareBrowser) -> Person:
    return with_browser("ann", laptop, "My laptop")


def subscribes(browser: SoftwareBrowser, subscription: Any, nonce: str = "") -> Any:
    nonce = nonce or Client().get("/2fa/push/").context["nonce"]
    proof = browser.jwt({"factor": browser.factor, "nonce": nonce, "subscription": subscription})
    return Client().post(SUBSCRIBE, {"proof": proof}, content_type="application/json")


@shows("PUSH_VAPID_PRIVATE_KEY", "PUSH_VAPID_SUBJECT", "PUSH_SERVICES")
def test_a_browser_is_notified_without_the_number(
    ann: Person, laptop: SoftwareBrowser, service: PushService
) -> None:
    assert subscribes(laptop, service.subscription).json()["notified"] is True
    assert pending(laptop).json()["notified"] is True
    asked = is_asked(ann)
    told = service.read()
    assert told == {"title": asked.message, "url": "http://testserver/2fa/push/", "tag": asked.sid}
    headers, _body = service.taken[-1]
    assert headers["authorization" if "authorization" in headers else "Authorization"].startswith("vapid t=")
    assert approves(laptop, asked.number).status_code == 200


def test_a_send_goes_on_although_the_push_service_fails(
    ann: Person, laptop: SoftwareBrowser, service: PushService, caplog: Any
) -> None:
    subscribes(laptop, service.subscription)
    service.status = 500
    is_asked(ann)
    assert "could not be notified: status 500" in caplog.text
    assert service.origin not in caplog.text
    assert len(requests(laptop)) == 1
    assert web_push.SUBSCRIPTION in Device.objects.get(kind="push").data


@pytest.mark.parametrize("status", web_push.GONE)
def test_a_subscription_that_is_gone_is_dropped(
    ann: Person, laptop: SoftwareBrowser, service: PushService, status: int
) -> None:
    subscribes(laptop, service.subscription)
    service.status = status
    is_asked(ann)
    data = Device.objects.get(kind="push").data
    assert web_push.SUBSCRIPTION not in data
    assert data["public_key"] == laptop.public_key


def test_the_subscription_of_another_browser_stays(
    ann: Person, laptop: SoftwareBrowser, service: PushService
) -> None:
    other = SoftwareBrowser()
    with_browser("eve", other)
    for browser in (other, laptop):
        subscribes(browser, service.subscription)
    theirs = Device.objects.get(user__username="eve").data
    service.status = web_push.GONE[0]
    is_asked(ann)
    for subscription in (service.subscription, None):
        subscribes(laptop, subscription)
        assert Device.objects.get(user__username="eve").data == theirs


def test_a_service_that_does_not_answer_is_logged(
    ann: Person, laptop: SoftwareBrowser, service: PushService, caplog: Any, settings: Any
) -> None:
    settings.TWILIO_2FA_PUSH_SERVICES = ["http://127.0.0.1:9"]
    subscribes(laptop, {**service.subscription, "endpoint": "http://127.0.0.1:9/x"})
    is_asked(ann)
    assert "could not be notified" in caplog.text
    assert len(requests(laptop)) == 1


def test_a_subscription_can_be_ended(ann: Person, laptop: SoftwareBrowser, service: PushService) -> None:
    subscribes(laptop, service.subscription)
    assert subscribes(laptop, None).json()["notified"] is False
    is_asked(ann)
    assert service.taken == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "https://evil.example/x",
        "https://push.example.com.evil.example/x",
        "https://evilpush.example.com/x",
        "https://push.example.com:8443/x",
        "http://push.example.com/x",
        "https://push.example.com@evil.example/x",
        "https://user@push.example.com/x",
        "https://[/x",
        "file:///etc/passwd",
        "",
        None,
        "https://push.example.com/" + "x" * 1000,
        "https://push.example.com/\n",
    ],
)
def test_notifications_go_to_push_services_only(
    ann: Person, laptop: SoftwareBrowser, service: PushService, endpoint: Any
) -> None:
    answer = subscribes(laptop, {**service.subscription, "endpoint": endpoint})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_user_data")
    assert web_push.SUBSCRIPTION not in Device.objects.get(kind="push").data


def test_a_subdomain_of_an_allowed_host_is_allowed(
    ann: Person, laptop: SoftwareBrowser, service: PushService
) -> None:
    told = {**service.subscription, "endpoint": "https://eu.push.example.com/x"}
    assert subscribes(laptop, told).status_code == 200


def test_a_service_that_is_no_longer_allowed_gets_no_request(
    ann: Person, laptop: SoftwareBrowser, service: PushService, settings: Any
) -> None:
    subscribes(laptop, service.subscription)
    settings.TWILIO_2FA_PUSH_SERVICES = ["push.example.com"]
    is_asked(ann)
    assert service.taken == []


def test_only_the_browser_itself_subscribes(
    ann: Person, laptop: SoftwareBrowser, service: PushService
) -> None:
    attacker = SoftwareBrowser(factor=laptop.factor)
    assert subscribes(attacker, service.subscription).json()["error_code"] == "verification_not_found"
    assert subscribes(laptop, service.subscription, nonce="old").json()["error_code"] == "stale_nonce"
    assert web_push.SUBSCRIPTION not in Device.objects.get(kind="push").data


@pytest.mark.parametrize("setting", ["PUSH_VAPID_PRIVATE_KEY", "PUSH_VAPID_SUBJECT"])
def test_without_the_settings_nobody_is_notified(
    ann: Person, laptop: SoftwareBrowser, service: PushService, settings: Any, setting: str
) -> None:
    subscribes(laptop, service.subscription)
    assert "data-vapid" in Client().get("/2fa/push/").content.decode()
    setattr(settings, f"TWILIO_2FA_{setting}", None)
    assert "data-vapid" not in Client().get("/2fa/push/").content.decode()
    is_asked(ann)
    assert service.taken == []
    assert newest().status == "pending"


def test_a_wrong_private_key_is_logged_and_not_shown(db: None, settings: Any, caplog: Any) -> None:
    settings.TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY = "no key of mine"
    assert web_push.public_key() == ""
    assert "PUSH_VAPID_PRIVATE_KEY is not a P-256 private key" in caplog.text
    assert "no key of mine" not in caplog.text


def test_the_worker_may_control_the_page_of_approvals(db: None) -> None:
    answer = Client().get("/2fa/push/worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in answer.content


@given(told=st.recursive(st.none() | st.integers() | ANY_TEXT, lambda n: st.dictionaries(ANY_TEXT, n)))
@settings(max_examples=50, deadline=None)
def test_any_subscription_is_validated_without_an_error(told: Any) -> None:
    assert web_push.is_subscription(told) is False
    keys = {"p256dh": encoded(b"\4" * 65), "auth": encoded(b"\0" * 16)}
    assert web_push.is_subscription({"endpoint": told, "keys": keys}) is False


def faults() -> dict[str, Any]:
    return {str(m.id).removeprefix("twilio_2fa_push."): m for m in run_checks(tags=["twilio_2fa_push"])}


MAIL = "mailto:ops@example.com"


@pytest.mark.parametrize(
    ("key", "subject", "ids", "says"),
    [
        (None, None, [], ""),
        (VAPID, MAIL, [], ""),
        (VAPID, "https://example.com/push", [], ""),
        (VAPID, None, ["W001"], "PUSH_VAPID_SUBJECT is not"),
        (None, MAIL, ["W001"], "PUSH_VAPID_PRIVATE_KEY is not"),
        ("secret of mine", MAIL, ["E001"], "PUSH_VAPID_PRIVATE_KEY is not a P-256 private key"),
        (VAPID[:-4], MAIL, ["E001"], "not a P-256 private key"),
        # A public key instead of a private one, and a number that is not a private key.
        (base64.urlsafe_b64encode(b"\4" + bytes(64)).decode(), MAIL, ["E001"], "not a P-256 private key"),
        (base64.urlsafe_b64encode(bytes(32)).decode(), MAIL, ["E001"], "not a P-256 private key"),
        (VAPID, "ops@example.com", ["E002"], "'ops@example.com'"),
        (VAPID, "http://example.com", ["E002"], "PUSH_VAPID_SUBJECT"),
        (VAPID, "mailto:", ["E002"], "PUSH_VAPID_SUBJECT"),
        ("secret of mine", "mailto:ops", ["E001", "E002"], "PUSH_VAPID_PRIVATE_KEY"),
    ],
)
def test_check_reports_unusable_keys_and_subjects(
    settings: Any, key: Any, subject: Any, ids: list[str], says: str
) -> None:
    settings.TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY, settings.TWILIO_2FA_PUSH_VAPID_SUBJECT = key, subject
    found = faults()
    assert sorted(found) == ids
    if ids:
        assert says in found[ids[0]].msg
        assert found[ids[0]].hint
    assert "secret of mine" not in str(found)


def test_check_reports_that_the_library_is_missing(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("twilio_2fa_push.checks.find_spec", lambda name: None)
    settings.TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY = settings.TWILIO_2FA_PUSH_VAPID_SUBJECT = None
    assert faults() == {}
    settings.TWILIO_2FA_PUSH_VAPID_PRIVATE_KEY, settings.TWILIO_2FA_PUSH_VAPID_SUBJECT = VAPID, MAIL
    assert "[push]" in faults()["W002"].hint
