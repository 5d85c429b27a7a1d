"""A minimal Twilio Verify on a real socket: it checks credentials, delays answers and sends nothing."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

ACCOUNT, TOKEN = "AC" + "1" * 32, "a token"
KEY, SECRET = "SK" + "2" * 32, "a secret"
SERVICE = "VA" + "3" * 32


class Loopback:
    """A server that answers sends after `delay` seconds. `requests` holds the user and path of each."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.closed = threading.Event()
        self.requests: list[tuple[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                basic = self.headers["Authorization"].split()[1]
                user, _, password = b64decode(basic).decode().partition(":")
                owner.requests.append((user, self.path))
                owner.closed.wait(owner.delay)
                if (user, password) not in ((ACCOUNT, TOKEN), (KEY, SECRET)):
                    self.answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
                elif self.path != f"/v2/Services/{SERVICE}/Verifications":
                    self.answer(404, {"code": 20404, "message": "Not found", "status": 404})
                else:
                    body = {"sid": "VE" + "4" * 32, "to": form["To"][0], "status": "pending", "valid": False}
                    self.answer(201, body)

            def answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                with suppress(ConnectionError):  # the client has not waited
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Log nothing, to keep requests out of the output of the tests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()
