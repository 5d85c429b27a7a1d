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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db import connections

from . import engine, messages
from .injected import FAULTS, HTML, NOT_REACHED, Fault, act, twisted
from .models import SandboxVerification

LOOPBACK = "127.0.0.1"
CONTROL = "/sandbox/"


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
        """Ignore a client that has gone away: many faults cause that."""

    # Faults

    def inject(self, fault: str, *, on: str = "", times: int = 1, seconds: float | None = None) -> None:
        """Let the next `times` requests go wrong; 0 times for all. Raises KeyError for an unknown fault."""
        found = Fault(fault, on, times, seconds)
        if fault == "refuse":
            self.away = found.seconds or 0.0
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
            return fault if fault and fault.strikes(path) else None


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
            status, page = NOT_REACHED[name]
            self.send(status, page.encode(), {"Content-Type": "text/html"})
            return
        username, password = engine.basic_auth(self.headers.get("Authorization", ""))
        answer = act(name, engine.Request(self.command, path, values, username, password))
        body = twisted(name, answer)
        data = b"" if body is None else json.dumps(body).encode()
        if fault is None:
            self.send(answer.status, data, answer.headers)
        elif name == "html-200":
            self.send(200, HTML.encode(), {"Content-Type": "text/html"})
        elif name in ("drop", "truncated"):
            self.close_connection = True
            if name == "truncated":
                self.send(answer.status, data, answer.headers, cut=len(data) // 2)
        elif name == "slow":
            self.send(answer.status, data, answer.headers, pause=fault.seconds or 0)
        else:
            if name in ("hang", "delay"):
                self.server.stopped.wait(fault.seconds)
            self.send(answer.status, data, answer.headers)

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
