"""Declare faults that tests can request, for the sandbox in this process and the sandbox over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import engine
from .models import SandboxVerification, new_sid
from .resources import verifications
from .twilio_errors import CODES, Refused, refused

HTML = "<html><body><h1>Something is in the way</h1></body></html>"

INJECTABLE_FAULTS: dict[str, str] = {
    "hang": "Twilio handles the request, but does not answer for `seconds` (60).",
    "slow": "Twilio handles the request, and sends one byte of its answer every `seconds` (0.2).",
    "delay": "Twilio handles the request, and answers after `seconds` (0.05), as over a network.",
    "drop": "Twilio handles the request, and closes the connection without an answer.",
    "truncated": "Twilio handles the request, and closes the connection in the middle of its answer.",
    "html-200": "Twilio handles the request, but the answer is a page of HTML with status 200.",
    "html-502": "The answer is a page of HTML with status 502. The request does not reach Twilio.",
    "empty-503": "The answer is empty, with status 503. The request does not reach Twilio.",
    "429": "Too many requests, with `Retry-After: 7`.",
    "refuse": "For `seconds` (1), new connections are refused, and open ones are closed.",
    "wrong-sid": "Twilio handles the request, but the answer has the SID of another verification.",
    "wrong-to": "Twilio handles the request, but the answer has another phone number or e-mail address.",
    "unknown-status": "Twilio handles the request, but the verification in its answer has an unknown status.",
    "approved-elsewhere": "The verification was approved by another request before this check.",
    "no-whatsapp": "The service has no sender for WhatsApp.",
    "asks-for-key": "The service asks users to press a key before it reads out a code.",
    **{str(code): f"Twilio's code {code}: {message}." for code, (_s, message) in CODES.items()},
}
SECONDS = {"hang": 60.0, "slow": 0.2, "delay": 0.05, "refuse": 1.0}
NOT_REACHED = {"html-502": (502, HTML), "empty-503": (503, "")}


@dataclass(eq=False)
class Fault:
    """A fault of the next `times` requests (0: all) whose path ends with `on` (empty: any path).

    Raises KeyError for an unknown name.
    """

    name: str
    on: str = ""
    times: int = 1
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.name not in INJECTABLE_FAULTS:
            raise KeyError(self.name)
        self.left = self.times or -1
        if self.seconds is None:
            self.seconds = SECONDS.get(self.name, 0.0)

    def strikes(self, path: str) -> bool:
        """Return whether a request to this path gets the fault, and count the request if it does."""
        if not self.left or not path.endswith(self.on):
            return False
        self.left -= 1
        return True


# The behaviour of Twilio


def act(fault: str, request: engine.Request) -> engine.Answer:
    """Return the answer to a request. If the fault is one of Twilio's codes, refuse the request."""
    if fault.isdecimal():
        refusal = Refused(20429, 429, "Too many requests") if fault == "429" else refused(int(fault))
        headers = {"Retry-After": "7"} if refusal.status == 429 else {}
        return engine.Answer(refusal.status, refusal.body, headers)
    if fault == "approved-elsewhere":
        _approve(request.values)
    return engine.handle(request)


def twisted(fault: str, answer: engine.Answer) -> dict[str, Any] | None:
    """Return the body of an answer, changed if the fault changes answers."""
    body = answer.body
    if body is None or answer.status >= 300:
        return body
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


def _approve(values: Any) -> None:
    """Approve the verification of a check, as if another request with the right token had come first."""
    rows = SandboxVerification.objects.filter(status="pending")
    sid, to = values.get("VerificationSid"), values.get("To")
    row = (rows.filter(sid=sid) if sid else rows.filter(to=to)).first()
    if row is not None:
        verifications.end(row, "approved")


# In this process

_lock = threading.Lock()
_waiting: list[Fault] = []


@contextmanager
def injected(name: str, *, on: str = "", times: int = 1) -> Iterator[None]:
    """Inject a fault into requests of this process within the block. Raises KeyError for an unknown name."""
    fault = Fault(name, on, times)
    with _lock:
        _waiting.append(fault)
    try:
        yield
    finally:
        with _lock:
            _waiting.remove(fault)


def take(path: str) -> str:
    """Return the name of the fault for a request of this process to this path. Empty for none."""
    if not _waiting:
        return ""
    with _lock:
        return next((fault.name for fault in _waiting if fault.strikes(path)), "")
