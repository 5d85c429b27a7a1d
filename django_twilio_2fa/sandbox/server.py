"""The sandbox over HTTP on loopback, with faults on request.

Below `/sandbox/` it is told what to do: `POST /sandbox/faults` (`fault`, and perhaps `on`, `times`,
`seconds`), `DELETE /sandbox/faults`; and says what was: `GET /sandbox/status`, `GET /sandbox/messages?to=`.
`DELETE /sandbox/messages` forgets every verification.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db import connections

from . import engine, messages, verifications
from .faults import CODES, Refused, refused
from .models import SandboxVerification, new_sid

LOOPBACK = "127.0.0.1"
CONTROL = "/sandbox/"
HTML = b"<html><body><h1>Something is in the way</h1></body></html>"

FAULTS: dict[str, str] = {
    "hang": "Twilio acts, and no answer comes for `seconds` (60).",
    "slow": "Twilio acts, and its answer comes byte by byte, a `seconds`th (0.2) between them.",
    "delay": "Twilio acts, and its answer comes after `seconds` (0.05): ordinary latency.",
    "drop": "Twilio acts, and the connection is closed without an answer.",
    "truncated": "Twilio acts, and the connection is closed in the middle of its answer.",
    "html-200": "Twilio acts, and a page of HTML comes with status 200.",
    "html-502": "A page of HTML comes with status 502; Twilio was not reached.",
    "empty-503": "Nothing comes, with status 503; Twilio was not reached.",
    "429": "Too many requests, with `Retry-After: 7`.",
    "refuse": "No connection is taken for `seconds` (1), and those that are open are closed.",
    "wrong-sid": "Twilio acts, and the answer is about another verification.",
    "wrong-to": "Twilio acts, and the answer is about another destination.",
    "unknown-status": "Twilio acts, and the answer has a status that nobody has heard of.",
    "approved-elsewhere": "Somebody else has had the verification approved before this check.",
    "no-whatsapp": "The service has no sender for WhatsApp.",
    "asks-for-key": "The service asks for a key to be pressed before it reads a code out.",
    **{str(code): f"Twilio's code {code}: {message}." for code, (_s, message) in CODES.items()},
}
SECONDS = {"hang": 60.0, "slow": 0.2, "delay": 0.05, "refuse": 1.0}
NOT_REACHED = {"html-502": (502, HTML), "empty-503": (503, b"")}


@dataclass
class Fault:
    """What goes wrong: `times` times, on requests whose path ends with `on` (all if empty)."""

    name: str
    on: str = ""
    times: int = 1
    seconds: float = 0.0


class SandboxServer(ThreadingHTTPServer):
    """Serves the engine on loopback; `port` 0 takes a free one. Raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.port = int(self.server_address[1])
        self.lock = threading.Lock()
        self.fault: Fault | None = None
        self.asked: list[dict[str, Any]] = []
        self.connections = 0
        self.away = 0.0
        self.open: set[socket.socket] = set()
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def run(self) -> None:
        """Serve until `stop` is called from another thread; away for a while where that is asked for."""
        while True:
            self.serve_forever(poll_interval=0.02)
            if self.stopped.is_set():
                return
            self.socket.close()
            for request in list(self.open):
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)
            self.stopped.wait(self.away)
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_bind()
            self.server_activate()

    def stop(self) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def get_request(self) -> Any:
        request = super().get_request()
        self.open.add(request[0])
        return request

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many of the faults are about."""

    # Faults

    def inject(self, fault: str, *, on: str = "", times: int = 1, seconds: float | None = None) -> None:
        """Let the next `times` requests go wrong; 0 times for all. Raises KeyError for an unknown fault."""
        if fault not in FAULTS:
            raise KeyError(fault)
        found = Fault(fault, on, times, SECONDS.get(fault, 0.0) if seconds is None else seconds)
        if fault == "refuse":
            self.away = found.seconds
            threading.Thread(target=self.shutdown, daemon=True).start()
        else:
            self.fault = found

    def clear(self) -> None:
        self.fault = None
        self.asked.clear()
        self.connections = 0

    def take_fault(self, path: str) -> Fault | None:
        with self.lock:
            fault = self.fault
            if fault is None or not path.endswith(fault.on):
                return None
            if fault.times:
                fault.times -= 1
                if not fault.times:
                    self.fault = None
            return fault


class Handler(BaseHTTPRequestHandler):
    """One connection to the server."""

    server: SandboxServer
    protocol_version = "HTTP/1.1"
    counted = False

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        finally:
            connections.close_all()

    def answer(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        query, form = (
            {name: found[-1] for name, found in parse_qs(text, keep_blank_values=True).items()}
            for text in (url.query, self.rfile.read(length).decode())
        )
        if url.path.startswith(CONTROL):
            self.control(url.path.removeprefix(CONTROL), query, form)
            return
        if not self.counted:
            self.counted = True
            self.server.connections += 1
        self.serve(url.path, {**query, **form})

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a lookup's address holds the number."""

    # What Twilio would do

    def serve(self, path: str, values: dict[str, str]) -> None:
        fault = self.server.take_fault(path)
        name = fault.name if fault else ""
        self.server.asked.append({"method": self.command, "path": path, "values": values, "fault": name})
        if name in NOT_REACHED:
            status, data = NOT_REACHED[name]
            self.send(status, data, {"Content-Type": "text/html"})
            return
        answer = self.ask(name, path, values)
        body = _twisted(name, answer.body) if answer.status < 300 else answer.body
        data = b"" if body is None else json.dumps(body).encode()
        if fault is None:
            self.send(answer.status, data, answer.headers)
        elif name == "html-200":
            self.send(200, HTML, {"Content-Type": "text/html"})
        elif name in ("drop", "truncated"):
            self.close_connection = True
            if name == "truncated":
                self.send(answer.status, data, answer.headers, cut=len(data) // 2)
        elif name == "slow":
            self.send(answer.status, data, answer.headers, pause=fault.seconds)
        else:
            if name in ("hang", "delay"):
                self.server.stopped.wait(fault.seconds)
            self.send(answer.status, data, answer.headers)

    def ask(self, fault: str, path: str, values: dict[str, str]) -> engine.Answer:
        if fault.isdecimal():
            refusal = Refused(20429, 429, "Too many requests") if fault == "429" else refused(int(fault))
            headers = {"Retry-After": "7"} if refusal.status == 429 else {}
            return engine.Answer(refusal.status, refusal.body, headers)
        if fault == "approved-elsewhere":
            _approve(values)
        username, password = engine.basic_auth(self.headers.get("Authorization", ""))
        return engine.handle(engine.Request(self.command, path, values, username, password))

    def send(
        self, status: int, data: bytes, headers: dict[str, str], *, cut: int | None = None, pause: float = 0
    ) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            if not pause:
                self.end_headers()
                self.wfile.write(data[:cut])
                return
            whole = self.wfile
            self.wfile = answer = BytesIO()
            self.end_headers()
            self.wfile = whole
            for byte in answer.getvalue() + data:
                self.wfile.write(bytes([byte]))
                if self.server.stopped.wait(pause):
                    return

    # What the server is told

    def control(self, path: str, query: dict[str, str], form: dict[str, str]) -> None:
        status, body = 200, dict[str, Any]()
        if path == "faults" and self.command == "POST":
            try:
                name = form["fault"]
                seconds = float(form["seconds"]) if "seconds" in form else None
                times = int(form.get("times", 1))
                if name == "refuse":
                    # It closes this connection as well, so the answer goes first.
                    self.send(200, b"{}", {})
                self.server.inject(name, on=form.get("on", ""), times=times, seconds=seconds)
                if name == "refuse":
                    return
            except (KeyError, ValueError):
                status, body = 400, {"faults": FAULTS}
        elif path == "faults" and self.command == "DELETE":
            self.server.clear()
        elif path == "status":
            body = {"connections": self.server.connections, "requests": self.server.asked}
        elif path == "messages" and self.command == "DELETE":
            SandboxVerification.objects.all().delete()
        elif path == "messages":
            body = {"messages": messages.delivered(query.get("to", ""))}
        else:
            status = 404
        self.send(status, json.dumps(body).encode(), {})


def _twisted(fault: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
    """An answer in which something is wrong."""
    if body is None:
        return None
    if fault == "wrong-sid":
        return {**body, "sid": new_sid("VE")}
    if fault == "wrong-to":
        return {**body, "to": "+12025550199"}
    if fault == "unknown-status":
        return {**body, "status": "levitating"}
    if fault == "no-whatsapp":
        return {**body, "whatsapp": {"msg_service_sid": None, "from": None}}
    if fault == "asks-for-key":
        return {**body, "dtmf_input_required": True}
    return body


def _approve(values: dict[str, str]) -> None:
    """As if the right token had been checked by somebody with the same number."""
    rows = SandboxVerification.objects.filter(status="pending")
    sid, to = values.get("VerificationSid"), values.get("To")
    row = (rows.filter(sid=sid) if sid else rows.filter(to=to)).first()
    if row is not None:
        verifications.end(row, "approved")
