"""A simulated Twilio for `bench_compare`, in memory. It takes almost no CPU.

The real Twilio takes no CPU of a site's server, so this one must take no time from the versions that are
compared. The sandbox, which can answer all requests, would take a sixth of the CPU of a whole log-in.

`bench_twilio.py PORT SECONDS_OF_A_REQUEST SECONDS_MORE_TO_CONNECT`
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

LOOPBACK = "127.0.0.1"


def code_for(number: str) -> str:
    """Return the code that is sent to a number: its last six digits."""
    return number[-6:]


class Twilio(ThreadingHTTPServer):
    """A server of two resources of the Verify API: `Verifications` and `VerificationCheck`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, request_takes: float = 0.0, connection_takes: float = 0.0) -> None:
        super().__init__((LOOPBACK, port), Connection)
        self.request_takes, self.connection_takes = request_takes, connection_takes
        self.sent: dict[str, dict[str, object]] = {}
        """The last verification of each number. The keys are numbers and SIDs."""

    def send(self, service: str, asked: dict[str, str]) -> dict[str, object]:
        sid = "VE" + secrets.token_hex(16)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        verification = {
            "sid": sid,
            "service_sid": service,
            "account_sid": "AC" + 32 * "0",
            "to": asked["To"],
            "channel": asked["Channel"],
            "status": "pending",
            "valid": False,
            "lookup": {},
            "amount": None,
            "payee": None,
            "send_code_attempts": [{"time": now, "channel": asked["Channel"], "attempt_sid": "VL" + sid[2:]}],
            "sna": None,
            "date_created": now,
            "date_updated": now,
            "url": f"https://verify.twilio.com/v2/Services/{service}/Verifications/{sid}",
        }
        self.sent[sid] = self.sent[asked["To"]] = verification
        return verification

    def check(self, asked: dict[str, str]) -> dict[str, object]:
        verification = self.sent[asked.get("VerificationSid") or asked["To"]]
        if asked["Code"] == code_for(str(verification["to"])):
            verification.update(status="approved", valid=True)
        return {**verification, "sna_attempts_error_codes": []}


class Connection(BaseHTTPRequestHandler):
    """A connection of a client."""

    server: Twilio
    protocol_version = "HTTP/1.1"
    # The answer leaves in one piece: a second one would wait for the client to acknowledge the first.
    wbufsize = -1
    is_new = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        time.sleep(self.server.request_takes + self.is_new * self.server.connection_takes)
        self.is_new = False
        asked = dict(parse_qsl(body))
        service, resource = self.path.split("/")[3:5]
        is_check = resource == "VerificationCheck"
        answer = self.server.check(asked) if is_check else self.server.send(service, asked)
        told = json.dumps(answer).encode()
        self.send_response_only(200 if is_check else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_GET(self) -> None:
        """Answer that the server is running."""
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    port, request_takes, connection_takes = sys.argv[1:]
    Twilio(int(port), float(request_takes), float(connection_takes)).serve_forever()
