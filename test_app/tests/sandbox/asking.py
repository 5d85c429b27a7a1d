"""Send requests to the sandbox in this process, as any client would."""

from __future__ import annotations

import json
from typing import Any

from django_twilio_2fa.sandbox.http import SandboxHttpClient

ACCOUNT = "AC" + "b" * 32
TOKEN = "secret"
SERVICE = "/v2/Services/VA" + "a" * 32
TO = "+12025550143"
IDENTITY = "ann-12345678"


class Answer:
    def __init__(self, response: Any) -> None:
        self.status = response.status_code
        self.headers = response.headers or {}
        self.body: dict[str, Any] = json.loads(response.text) if response.text else {}

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def code(self) -> int:
        """Return the error code of Twilio, or 0 for a success."""
        return int(self.body.get("code", 0)) if self.status >= 400 else 0


def ask(method: str, path: str, values: dict[str, Any] | None = None, **how: Any) -> Answer:
    """Send a request. `auth` is a user name and a password, by default those of an account."""
    url = f"https://verify.twilio.com{path}" if path.startswith("/") else path
    place = "params" if method == "GET" else "data"
    auth = how.pop("auth", (ACCOUNT, TOKEN))
    return Answer(SandboxHttpClient().request(method, url, auth=auth, **{place: values}, **how))


def get(path: str, **values: Any) -> Answer:
    return ask("GET", path, values)


def post(path: str, values: dict[str, Any] | None = None, **how: Any) -> Answer:
    return ask("POST", path, values or {}, **how)


def delete(path: str) -> Answer:
    return ask("DELETE", path)


def created(path: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Create a resource. Return the body of the answer."""
    answer = post(path, values)
    assert answer.status == 201, answer.body
    return answer.body
