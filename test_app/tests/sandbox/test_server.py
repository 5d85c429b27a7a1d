"""The server of the sandbox over HTTP, in a thread: messages, the clock and faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from django_twilio_2fa.sandbox import clock
from django_twilio_2fa.sandbox.magic import MAGIC
from django_twilio_2fa.sandbox.server import LONGEST_BODY, SandboxServer
from django_twilio_2fa.sandbox.webhook_delivery import deliveries

from .asking import ACCOUNT, SERVICE, TO, TOKEN

pytestmark = pytest.mark.django_db(transaction=True)
SENDS = f"{SERVICE}/Verifications"


@pytest.fixture
def server(monkeypatch: Any) -> Iterator[SandboxServer]:
    monkeypatch.setattr(clock, "ahead", 0.0)
    server = SandboxServer()
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.stop()
    thread.join(10)
    assert not thread.is_alive()


def send(server: SandboxServer, wait: float = 10) -> requests.Response:
    """Ask for a message, as an application asks Twilio."""
    values = {"To": TO, "Channel": "sms"}
    return requests.post(server.address + SENDS, values, auth=(ACCOUNT, TOKEN), timeout=wait)


def control(server: SandboxServer, method: str, path: str, **form: Any) -> requests.Response:
    address = f"{server.address}/sandbox/{path}"
    return requests.request(method, address, data=form, timeout=10, allow_redirects=False)


def messages(server: SandboxServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = control(server, "GET", "messages.json").json()
    return found


class TestControls:
    def test_a_message_is_shown_until_it_is_deleted(self, server: SandboxServer) -> None:
        assert send(server).status_code == 201
        [message] = messages(server)
        assert message["to"] == TO
        assert control(server, "GET", "messages").json() == {"messages": [message]}
        assert message["code"] in control(server, "GET", "").text
        assert control(server, "DELETE", "messages").status_code == 200
        assert messages(server) == []

    def test_the_root_leads_to_the_handset(self, server: SandboxServer) -> None:
        response = requests.get(server.address, timeout=10)
        assert (response.url, response.status_code) == (f"{server.address}/sandbox/", 200)

    @pytest.mark.parametrize("name", ["handset.css", "handset.js"])
    def test_the_files_of_the_handset_are_served(self, server: SandboxServer, name: str) -> None:
        assert control(server, "GET", name).headers["Content-Type"].startswith("text/")

    @pytest.mark.parametrize("path", ["nothing", "sna/nothing"])
    def test_an_unknown_address_is_not_found(self, server: SandboxServer, path: str) -> None:
        assert control(server, "GET", path).status_code == 404

    def test_the_clock_moves_forward(self, server: SandboxServer) -> None:
        assert control(server, "POST", "clock", seconds=601).json() == {"ahead": 601}
        assert control(server, "GET", "clock").json() == {"ahead": 601}

    @pytest.mark.parametrize("seconds", ["", "soon", "-1", "nan", "1e12"])
    def test_the_clock_refuses_other_values(self, server: SandboxServer, seconds: str) -> None:
        assert control(server, "POST", "clock", seconds=seconds).status_code == 400
        assert clock.ahead == 0

    @pytest.mark.parametrize(
        "form",
        [{}, {"fault": "no such"}, {"fault": "429", "times": "x"}, {"fault": "slow", "seconds": "x"}],
    )
    def test_a_wrong_fault_is_answered_with_the_known_ones(self, server: SandboxServer, form: Any) -> None:
        response = control(server, "POST", "faults", **form)
        assert response.status_code == 400
        assert response.json()["faults"] == control(server, "GET", "faults").json()
        assert send(server).status_code == 201

    def test_requests_are_listed_until_the_list_is_deleted(self, server: SandboxServer) -> None:
        control(server, "POST", "faults", fault="60203", times=0)
        assert [send(server).status_code for _n in range(2)] == [429, 429]
        status = control(server, "GET", "status").json()
        assert [(r["path"], r["fault"]) for r in status["requests"]] == [(SENDS, "60203")] * 2
        assert status["connections"] == 2
        control(server, "DELETE", "faults")
        assert control(server, "GET", "status").json() == {"connections": 0, "requests": []}
        assert send(server).status_code == 201

    def test_magic_destinations_and_webhooks_are_listed(self, server: SandboxServer) -> None:
        assert [m["to"] for m in control(server, "GET", "magic").json()] == list(MAGIC)
        assert control(server, "GET", "webhooks").json() == list(deliveries)

    def test_a_body_that_is_too_long_is_refused(self, server: SandboxServer) -> None:
        assert control(server, "POST", "clock", seconds="1" * LONGEST_BODY).status_code == 413


class TestFaults:
    """Faults as a client sees them. Most tests check whether the message is still sent."""

    @pytest.mark.parametrize(
        ("fault", "status"),
        [("html-502", 502), ("empty-503", 503), ("429", 429), ("60200", 400)],
    )
    def test_a_request_that_is_refused_sends_nothing(
        self, server: SandboxServer, fault: str, status: int
    ) -> None:
        server.inject(fault)
        assert send(server).status_code == status
        assert messages(server) == []
        assert send(server).status_code == 201

    @pytest.mark.parametrize("fault", ["drop", "truncated"])
    def test_a_message_is_sent_although_the_answer_is_lost(self, server: SandboxServer, fault: str) -> None:
        server.inject(fault)
        with pytest.raises(requests.RequestException):
            send(server)
        assert len(messages(server)) == 1

    @pytest.mark.parametrize("fault", ["hang", "slow"])
    def test_a_message_is_sent_although_no_answer_comes_in_time(
        self, server: SandboxServer, fault: str
    ) -> None:
        server.inject(fault, seconds=1)
        with pytest.raises(requests.Timeout):
            send(server, wait=0.2)
        assert len(messages(server)) == 1

    def test_a_delayed_answer_comes_later(self, server: SandboxServer) -> None:
        server.inject("delay", seconds=0.2)
        began = time.monotonic()
        assert send(server).status_code == 201
        assert time.monotonic() - began >= 0.2

    def test_a_message_is_sent_although_the_answer_is_html(self, server: SandboxServer) -> None:
        server.inject("html-200")
        response = send(server)
        assert (response.status_code, "<html>" in response.text) == (200, True)
        assert len(messages(server)) == 1

    @pytest.mark.parametrize(
        ("fault", "field", "value"),
        [("wrong-to", "to", "+12025550199"), ("unknown-status", "status", "levitating")],
    )
    def test_a_fault_changes_a_value_of_the_answer(
        self, server: SandboxServer, fault: str, field: str, value: str
    ) -> None:
        server.inject(fault)
        assert send(server).json()[field] == value

    def test_a_fault_affects_only_its_path(self, server: SandboxServer) -> None:
        server.inject("empty-503", on="/VerificationCheck")
        assert send(server).status_code == 201
        check = requests.post(
            f"{server.address}{SERVICE}/VerificationCheck", auth=(ACCOUNT, TOKEN), timeout=10
        )
        assert check.status_code == 503

    def test_the_server_is_away_for_a_while(self, server: SandboxServer) -> None:
        began = time.monotonic()
        assert control(server, "POST", "faults", fault="refuse", seconds=0.3).status_code == 200
        refused = 0
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                response = send(server)
            except requests.RequestException:  # The fault may also close an open connection.
                refused += 1
            else:
                if refused:
                    break
            time.sleep(0.02)
        assert refused
        assert response.status_code == 201
        assert time.monotonic() - began >= 0.3
