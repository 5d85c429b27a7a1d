"""Webhooks are delivered once for each event, and signed with the account's token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from twilio.request_validator import RequestValidator

from django_twilio_2fa.sandbox import webhook_delivery

from ..helpers import wait_until
from .asking import IDENTITY, SERVICE, TOKEN, created, delete, get, post
from .push_device import PushDevice

ENTITY = f"{SERVICE}/Entities/{IDENTITY}"


class Receiver:
    """A site that receives webhooks."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: found[0] for name, found in parse_qs(body, keep_blank_values=True).items()}
                receiver.taken.append((form, self.headers["X-Twilio-Signature"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=b"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def events(self, n: int) -> list[str]:
        """Wait for `n` events. Return all so far, sorted, because they may come in any order."""
        wait_until(lambda: len(self.taken) >= n, 10)
        return sorted(form["type"] for form, _signature in self.taken)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def subscribe(receiver: Receiver, *events: str, **values: str) -> str:
    asked = {"FriendlyName": "site", "EventTypes": list(events), "WebhookUrl": receiver.url, **values}
    return f"{SERVICE}/Webhooks/{created(f'{SERVICE}/Webhooks', asked)['sid']}"


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Callable[..., Any], db: None) -> Callable[..., Any]:
    """Return a context that runs the `on_commit` callbacks at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def registered(device: PushDevice) -> str:
    factor = created(f"{ENTITY}/Factors", device.parameters)
    path = f"{ENTITY}/Factors/{factor['sid']}"
    post(path, {"AuthPayload": device.signs(factor["sid"])})
    return path


def test_every_event_is_delivered_and_signed(receiver: Receiver, committed: Callable[..., Any]) -> None:
    subscribe(receiver, "*")
    device = PushDevice()
    with committed():
        path = registered(device)
        for status in ("approved", "denied"):
            values = {"FactorSid": path.rpartition("/")[2], "Details.Message": "Sign in?"}
            one = f"{ENTITY}/Challenges/{created(f'{ENTITY}/Challenges', values)['sid']}"
            asked = get(one)
            fields = asked.headers["Twilio-Verify-Signature-Fields"]
            post(one, {"AuthPayload": device.answers(asked.body, fields, status)})
        delete(path)
    assert receiver.events(5) == sorted(webhook_delivery.EVENTS)
    for form, signature in receiver.taken:
        assert RequestValidator(TOKEN).validate(receiver.url, form, signature)
        assert not RequestValidator("another").validate(receiver.url, form, signature)
        assert (form["entity_identity"], form["factor_sid"]) == (IDENTITY, path.rpartition("/")[2])
        assert ("challenge_sid" in form) == form["type"].startswith("challenge.")
    assert len({form["uuid"] for form, _signature in receiver.taken}) == 5


def test_only_subscribed_events_are_delivered(receiver: Receiver, committed: Callable[..., Any]) -> None:
    subscribe(receiver, "factor.verified")
    subscribe(receiver, "*", Status="disabled")
    unwanted = subscribe(receiver, "*")
    delete(unwanted)
    with committed():
        delete(registered(PushDevice()))
    assert receiver.events(1) == ["factor.verified"]


def test_a_rolled_back_event_is_not_delivered(receiver: Receiver, committed: Callable[..., Any]) -> None:
    from django.db import transaction

    subscribe(receiver, "*")
    with committed():
        with transaction.atomic():
            created(f"{ENTITY}/Factors", PushDevice().parameters)
            transaction.set_rollback(True)
        registered(PushDevice())
    assert receiver.events(2) == ["factor.created", "factor.verified"]


def test_a_webhook_that_cannot_be_delivered_is_logged(
    receiver: Receiver, committed: Callable[..., Any], caplog: Any
) -> None:
    receiver.server.server_close()
    subscribe(receiver, "factor.created")
    webhook_delivery.deliveries.clear()
    with committed():
        created(f"{ENTITY}/Factors", PushDevice().parameters)
    wait_until(lambda: len(webhook_delivery.deliveries) == 1, 10)
    assert webhook_delivery.deliveries[0]["status"] == 0
    assert "could not deliver a webhook" in caplog.text


@pytest.mark.django_db
class TestResource:
    def test_a_webhook_does_not_show_the_auth_token(self, receiver: Receiver) -> None:
        assert TOKEN not in str(get(subscribe(receiver, "*")).body)

    def test_a_webhook_can_be_changed(self, receiver: Receiver) -> None:
        path = subscribe(receiver, "*")
        changed = post(path, {"EventTypes": "factor.deleted", "Status": "disabled", "Version": "v1"})
        assert (changed["event_types"], changed["status"]) == (["factor.deleted"], "disabled")
        assert changed["webhook_url"] == receiver.url

    @pytest.mark.parametrize(
        "changed",
        [
            {"FriendlyName": ""},
            {"EventTypes": ""},
            {"EventTypes": "challenge.expired"},
            {"WebhookUrl": "owl"},
            {"WebhookUrl": "ftp://example.com/"},
            {"WebhookUrl": "http://["},
            {"WebhookUrl": "http://x:99999/"},
            {"Status": "asleep"},
            {"Version": "v3"},
        ],
    )
    def test_a_webhook_with_wrong_values_is_refused(
        self, receiver: Receiver, changed: dict[str, str]
    ) -> None:
        values = {"FriendlyName": "x", "EventTypes": "*", "WebhookUrl": receiver.url, **changed}
        assert post(f"{SERVICE}/Webhooks", values).code == 60200
