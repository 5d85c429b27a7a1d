"""Answer the requests below `/sandbox/`, which show the handset, set faults and move the clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from django.utils import timezone

from . import clock, handset, messages, sna, webhook_delivery
from .fault_injection import INJECTABLE_FAULTS, Fault
from .magic import MAGIC
from .models import SandboxVerification
from .twilio_errors import Refused

PREFIX = "/sandbox/"
SNA = "sna/"
LONGEST_MOVE = 10 * 365 * 86400.0

Values = Mapping[str, Any]


class Server(Protocol):
    """The interface of the server to control."""

    asked: list[dict[str, Any]]
    connections: int

    def begin(self, fault: Fault) -> None: ...

    def clear(self) -> None: ...


@dataclass(frozen=True)
class Page:
    """A response of the server itself. `then` is called after the response has been sent."""

    status: int
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    then: Callable[[], None] | None = None


def _json(body: Any, status: int = 200) -> Page:
    return Page(status, json.dumps(body).encode())


def _file(name: str) -> Page:
    return Page(200, (handset.HERE / name).read_bytes(), {"Content-Type": handset.FILES[name]})


def _handset(query: Values) -> Page:
    files = {name: PREFIX + name for name in handset.FILES}
    # Times are shown in the time zone of this machine, not in that of the site.
    with timezone.override(datetime.now().astimezone().tzinfo):
        html = handset.page(str(query.get("to", "")), fragment="fragment" in query, files=files)
    return Page(200, html.encode(), {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})


def _set_fault(server: Server, form: Values) -> Page:
    try:
        seconds = float(form["seconds"]) if "seconds" in form else None
        fault = Fault(form["fault"], str(form.get("on", "")), int(form.get("times", 1)), seconds)
    except (KeyError, TypeError, ValueError):
        return _json({"faults": INJECTABLE_FAULTS}, 400)
    begin = partial(server.begin, fault)
    if fault.name == "refuse":
        # The fault also closes this connection, so the response is sent first.
        return replace(_json({}), then=begin)
    begin()
    return _json({})


def _move_clock(form: Values) -> Page:
    try:
        seconds = float(form["seconds"])
    except (KeyError, TypeError, ValueError):
        return _json({"error": "`seconds` has to be a number."}, 400)
    if not 0 <= seconds <= LONGEST_MOVE:
        return _json({"error": f"`seconds` has to be between 0 and {LONGEST_MOVE:.0f}."}, 400)
    clock.move(seconds)
    return _json(_ahead())


def _ahead() -> dict[str, float]:
    return {"ahead": clock.ahead}


def _open_sna(token: str) -> Page:
    try:
        return Page(200, sna.open_url(token).encode(), {"Content-Type": "text/plain"})
    except Refused as e:
        return _json(e.body, e.status)


def _set_clock(server: Server, query: Values, form: Values) -> Page:
    return _move_clock(form)


def _forget(server: Server, query: Values, form: Values) -> Page:
    SandboxVerification.objects.all().delete()
    return _json({})


def _clear(server: Server, query: Values, form: Values) -> Page:
    server.clear()
    return _json({})


@dataclass(frozen=True)
class Control:
    """A request below `/sandbox/`, for the server and for the table in docs/sandbox.md."""

    method: str
    path: str
    does: str
    answer: Callable[[Server, Values, Values], Page]
    values: str = ""


def _delivered(query: Values) -> list[dict[str, Any]]:
    return messages.delivered(str(query.get("to", "")))


CONTROLS = (
    Control("GET", "", "the page of messages, a simulated handset", lambda s, q, f: _handset(q), "to"),
    Control("GET", "messages.json", "the messages, newest first", lambda s, q, f: _json(_delivered(q)), "to"),
    Control(
        "GET",
        "messages",
        "the same, as the member `messages` of an object",
        lambda s, q, f: _json({"messages": _delivered(q)}),
        "to",
    ),
    Control("DELETE", "messages", "delete all verifications and messages", _forget),
    Control(
        "GET",
        "magic",
        "the [magic destinations](#magic-destinations)",
        lambda s, q, f: _json([asdict(magic) for magic in MAGIC.values()]),
    ),
    Control("GET", "clock", "by how many seconds the clock is ahead", lambda s, q, f: _json(_ahead())),
    Control("POST", "clock", "move the clock forward, so that codes expire", _set_clock, "seconds"),
    Control("GET", "faults", "the names of the faults", lambda s, q, f: _json(INJECTABLE_FAULTS)),
    Control(
        "POST",
        "faults",
        "request a fault",
        lambda s, q, f: _set_fault(s, f),
        "fault, on, times, seconds",
    ),
    Control("DELETE", "faults", "delete the fault and the list of requests", _clear),
    Control(
        "GET",
        "webhooks",
        "the webhooks that were delivered, oldest first, with the status of the answer",
        lambda s, q, f: _json(list(webhook_delivery.deliveries)),
    ),
    Control(
        "GET",
        "status",
        "the requests and the number of connections",
        lambda s, q, f: _json({"connections": s.connections, "requests": s.asked}),
    ),
)
_BY_REQUEST = {(c.method, c.path): c for c in CONTROLS}


def respond(server: Server, method: str, path: str, query: Values, form: Values) -> Page:
    """Return the response to a request below `/sandbox/`. `path` is the rest of the path."""
    if method == "GET" and path in handset.FILES:
        return _file(path)
    if path.startswith(SNA) and method in ("GET", "POST"):
        return _open_sna(path.removeprefix(SNA))
    control = _BY_REQUEST.get((method, path))
    if control is None:
        return _json({"error": "There is nothing at this address."}, 404)
    return control.answer(server, query, form)
