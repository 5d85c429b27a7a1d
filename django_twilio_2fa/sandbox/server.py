"""Serve the sandbox over HTTP on the loopback interface, with faults on request."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from . import control, engine
from .answers import moved
from .fault_injection import HTML, NOT_REACHED, Fault, act, twisted

LOOPBACK = "127.0.0.1"
HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
LONGEST_BODY = 1_000_000
LONGEST_RECORD = 10_000


class SandboxServer(ThreadingHTTPServer):
    """Serve the engine on the loopback interface. Raises OSError if the port is in use.

    `port`: 0 for any free port. `only`: the user name and password to accept. None accepts all.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, *, only: tuple[str, str] | None = None) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.only = only
        self.port = int(self.server_address[1])
        self.lock = threading.Lock()
        self.fault: Fault | None = None
        self.asked: list[dict[str, Any]] = []
        self.connections: int = 0
        self.away = 0.0
        self.open: set[socket.socket] = set()
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def run(self) -> None:
        """Serve until another thread calls `stop`. The fault `refuse` closes the port for a while."""
        while True:
            self.serve_forever(poll_interval=0.02)
            if self.stopped.is_set():
                return
            # Connections are closed first, so that no client has an open one when it finds the port closed.
            for request in list(self.open):
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)
            self.socket.close()
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
        """Ignore errors of connections that the client has closed, because many faults cause them."""

    # Faults

    def inject(self, fault: str, *, on: str = "", times: int = 1, seconds: float | None = None) -> None:
        """Inject a fault into the next `times` requests (0: all). Raises KeyError for an unknown name."""
        self.begin(Fault(fault, on, times, seconds))

    def begin(self, fault: Fault) -> None:
        if fault.name == "refuse":
            self.away = fault.seconds or 0.0
            threading.Thread(target=self.shutdown, daemon=True).start()
        else:
            self.fault = fault

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
            for database in connections.all(initialized_only=True):
                # SQLite's close() ignores a database in memory, because closing the last connection deletes
                # it. Here, the thread that made the database keeps another connection open.
                BaseDatabaseWrapper.close(database)

    def answer(self) -> None:
        url = urlsplit(self.path)
        sent = self.headers.get("Content-Length") or "0"
        if not sent.isdecimal() or int(sent) > LONGEST_BODY:
            self.close_connection = True
            self.send(413, b"", {})
            return
        body = self.rfile.read(int(sent)).decode(errors="replace")
        query, form = engine.parse(url.query), engine.parse(body, self.headers.get("Content-Type", ""))
        if url.path == "/":
            self.send(302, b"", {"Location": control.PREFIX})
            return
        if url.path.startswith(control.PREFIX):
            path = url.path.removeprefix(control.PREFIX)
            page = control.respond(self.server, self.command, path, query, form)
            self.send(page.status, page.data, page.headers)
            if page.then:
                page.then()
            return
        if not self.counted:
            self.counted = True
            self.server.connections += 1
        self.serve(url.path, {**query, **form})

    @property
    def origin(self) -> str:
        """Return the origin with which the client addresses this server."""
        host = self.headers.get("Host", "")
        return f"http://{host}" if HOST.fullmatch(host) else self.server.address

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because the URL of a lookup contains the phone number."""

    # Requests to Twilio

    def serve(self, path: str, values: dict[str, Any]) -> None:
        fault = self.server.take_fault(path)
        name = fault.name if fault else ""
        del self.server.asked[:-LONGEST_RECORD]
        self.server.asked.append({"method": self.command, "path": path, "values": values, "fault": name})
        if name in NOT_REACHED:
            status, page = NOT_REACHED[name]
            self.send(status, page.encode(), {"Content-Type": "text/html"})
            return
        username, password = engine.basic_auth(self.headers.get("Authorization", ""))
        answer = act(name, engine.Request(self.command, path, values, username, password, self.server.only))
        body = twisted(name, answer)
        # URLs such as that of the next page have to lead to this server, and not to Twilio.
        data = b"" if body is None else json.dumps(moved(body, self.origin)).encode()
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
