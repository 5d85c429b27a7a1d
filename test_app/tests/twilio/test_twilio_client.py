"""The client for Twilio, against a real server on loopback: one connection, timeouts, no stored data."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth import get_user_model
from twilio.base.exceptions import TwilioRestException

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.twilio.client import get_client
from django_twilio_2fa.twilio.error_codes import convert_errors
from django_twilio_2fa.verifier import Verifier

from ..clock import pass_time
from ..helpers import OVER_HTTP, held_port

CODE = "123456"


class Twilio(ThreadingHTTPServer):
    """A server that approves one code, counts connections and answers with a given fault."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.connections = 0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.hang = threading.Event()
        self.fault: tuple[int, dict[str, Any], dict[str, str]] | None = None
        self.drop = False
        self.hangs = False
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors, because clients disconnect in some tests."""


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Twilio

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        values = {name: found[0] for name, found in form.items()}
        self.server.requests.append((self.path, values))
        if self.server.hangs:
            self.server.hang.wait(20)
        if self.server.drop:
            self.close_connection = True
            return
        status, body, headers = self.server.fault or (201, self.body(values), {})
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def body(self, values: dict[str, str]) -> dict[str, Any]:
        to = values.get("To") or next(
            v["To"] for _p, v in self.server.requests if sid(v.get("To")) == values["VerificationSid"]
        )
        approved = values.get("Code") == CODE
        return {"sid": sid(to), "to": to, "status": "approved" if approved else "pending", "valid": approved}

    def log_message(self, *args: Any) -> None:
        """Log nothing, to keep requests out of the output of the tests."""


def sid(to: str | None) -> str:
    return "VE" + (to or "").encode().hex()[:32].rjust(32, "0")


@pytest.fixture
def twilio(settings: Any, db: None) -> Iterator[Twilio]:
    server = Twilio()
    for name, value in OVER_HTTP.items():
        setattr(settings, name, value)
    settings.TWILIO_2FA_BASE_URL = server.address
    settings.TWILIO_2FA_TIMEOUT = (2, 2)
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    yield server
    server.hang.set()
    server.shutdown()
    server.server_close()
    get_client().http_client.inner.session.close()


@pytest.fixture
def verifier(db: None) -> Verifier:
    user = get_user_model().objects.create_user("sam")
    Device.objects.register(user, EmailAddress("sam@example.com"))
    return Verifier(user)


def test_ten_verifications_open_one_connection(twilio: Twilio) -> None:
    for n in range(10):
        user = get_user_model().objects.create_user(f"user{n}")
        Device.objects.register(user, EmailAddress(f"{n}@example.com"))
        verifier = Verifier(user)
        assert verifier.check(verifier.send("email"), CODE).status == "approved"
    assert len(twilio.requests) == 20
    assert twilio.connections == 1


def test_threads_share_one_client_and_get_their_own_answers(twilio: Twilio) -> None:
    def send(n: int) -> bool:
        to = f"{n}@example.com"
        services = get_client().verify.v2.services("VA" + "2" * 32)
        return bool(services.verifications.create(to=to, channel="email").sid == sid(to))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(send, range(200)))
    assert twilio.connections <= 16


def test_the_client_keeps_no_request_or_answer(twilio: Twilio, verifier: Verifier) -> None:
    verifier.send("email")
    http = get_client().http_client
    for client in (http, http.inner):
        assert client._test_only_last_request is None
        assert client._test_only_last_response is None
        assert "sam@example.com" not in str(vars(client))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_separate_client(twilio: Twilio) -> None:
    here = id(get_client())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"same" if id(get_client()) == here else b"its own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 16) == b"its own"


def test_changed_settings_are_used_at_once(twilio: Twilio, settings: Any) -> None:
    before = get_client()
    assert get_client() is before
    settings.TWILIO_2FA_AUTH_TOKEN = "another"
    assert get_client() is not before


def test_the_timeout_ends_a_request_to_a_hanging_server(
    twilio: Twilio, verifier: Verifier, settings: Any
) -> None:
    settings.TWILIO_2FA_TIMEOUT = (1, 0.3)
    twilio.hangs = True
    with pytest.raises(errors.TwilioUnavailable) as caught:
        verifier.send("email")
    assert caught.value.uncertain
    # The message may have arrived, so its code works. Without a SID, it is checked by the recipient.
    twilio.hangs = False
    row = caught.value.verification
    assert (row.status, row.sid) == ("pending", "")
    approved = verifier.check(row, CODE)
    assert (approved.status, approved.sid) == ("approved", sid("sam@example.com"))
    assert "To" in twilio.requests[-1][1]


def test_a_request_without_an_answer_is_not_repeated(twilio: Twilio, verifier: Verifier) -> None:
    row = verifier.send("email")
    twilio.drop = True
    with pytest.raises(errors.TwilioUnavailable):
        verifier.check(row, CODE)
    with pytest.raises(errors.TwilioUnavailable):
        verifier.send("email")
    assert len(twilio.requests) == 3
    row.refresh_from_db()
    assert (row.attempts, row.sends) == (1, 2)


def test_a_refused_connection_is_retried_once_and_not_counted(
    twilio: Twilio, verifier: Verifier, settings: Any, caplog: Any
) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 30
    with held_port() as port:
        settings.TWILIO_2FA_BASE_URL = f"http://127.0.0.1:{port}"
        with pytest.raises(errors.TwilioUnavailable) as caught:
            verifier.send("email")
    assert not caught.value.uncertain
    assert caplog.text.count("Twilio could not be reached") == 2
    # The send certainly did not happen, so there is no cooldown.
    settings.TWILIO_2FA_BASE_URL = twilio.address
    assert verifier.send("email").sends == 1  # the refused send does not count


@pytest.mark.parametrize("code", ["bad gateway", [60200], {}, None, ""])
def test_an_error_code_that_is_not_a_number_is_unknown(code: Any) -> None:
    with pytest.raises(errors.TwilioUnavailable) as told, convert_errors():
        raise TwilioRestException(400, "/", "", code)
    assert told.value.data == {"twilio_error": 400}


def test_retry_after_of_twilio_is_passed_on(twilio: Twilio, verifier: Verifier) -> None:
    twilio.fault = (429, {"code": 20429, "message": "too many", "status": 429}, {"Retry-After": "7"})
    with pytest.raises(errors.TwilioRateLimited) as caught:
        verifier.send("email")
    assert caught.value.data == {"retry_after": 7}


@pytest.mark.parametrize(
    "fault",
    [
        (200, "<html>", {}),
        (502, "<html>", {}),
        (201, {}, {}),
        (201, {"sid": "VE1", "to": "else@example.com", "status": "approved", "valid": True}, {}),
        (201, {"sid": "VE1", "to": "sam@example.com", "status": "approved", "valid": True}, {}),
        (201, {"sid": sid("sam@example.com"), "to": "sam@example.com", "status": "surprise"}, {}),
        (
            201,
            {"sid": sid("sam@example.com"), "to": "sam@example.com", "status": "approved", "valid": "yes"},
            {},
        ),
        (503, {}, {}),
    ],
)
def test_nothing_is_approved_without_twilios_approval(twilio: Twilio, verifier: Verifier, fault: Any) -> None:
    row = verifier.send("email")
    twilio.fault = fault
    with pytest.raises((errors.TwilioUnavailable, errors.InvalidVerificationCode)):
        verifier.check(row, CODE)
    row.refresh_from_db()
    assert (row.status, row.attempts, row.lease) == ("pending", 1, "")


def test_a_check_whose_answer_was_lost_asks_for_a_new_code(twilio: Twilio, verifier: Verifier) -> None:
    row = verifier.send("email")
    twilio.drop = True
    with pytest.raises(errors.TwilioUnavailable):
        verifier.check(row, CODE)
    twilio.drop = False
    twilio.fault = (404, {"code": 20404, "message": "not found", "status": 404}, {})
    with pytest.raises(errors.VerificationExpired):
        verifier.check(row, CODE)
    assert Verification.objects.get().status == "expired"
    pass_time(1)
    twilio.fault = None
    assert verifier.send("email").pk != row.pk


def test_no_number_or_address_is_logged(twilio: Twilio, verifier: Verifier, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    for fault in (
        None,
        (400, {"code": 60200, "message": "Invalid parameter `To`: sam@example.com", "status": 400}, {}),
    ):
        twilio.fault = fault
        try:
            verifier.send("email")
        except errors.TwoFactorError as e:
            texts = f"{e} {e!r} {e.display} {e.data}"
    assert texts
    assert "sam@" not in texts
    assert "sam@example.com" not in caplog.text
    assert "secret" not in caplog.text
