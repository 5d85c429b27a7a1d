"""Simulate Silent Network Auth: the phone opens a URL over its mobile network.

Source: Twilio's documentation. The handling of the client token is a guess.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from django.db import transaction

from . import messages
from .magic import magic_for
from .models import SandboxMessage, SandboxVerification
from .twilio_errors import not_found

PENDING, ERROR, URL_FAILED = 60519, 60510, 60520
CARRIER = "Sandbox Telecom"


def takes_part(to: str) -> bool:
    """Return whether the carrier can authenticate a number: a mobile number, unless it is a magic one."""
    magic = magic_for(to)
    return magic.sna and magic.line_type == "mobile"


def new_state(*, client_token: bool, falls_back: bool) -> dict[str, Any]:
    return {
        "token": secrets.token_urlsafe(24),
        "client_token": secrets.token_urlsafe(16) if client_token else "",
        "falls_back": falls_back,
        "result": "",
    }


def open_url(token: str) -> str:
    """Process the request of a phone that opens the URL. Return the response to the phone.

    With the channel `auto`, a text message is sent if the carrier cannot authenticate the phone.
    """
    with transaction.atomic():
        rows = SandboxVerification.objects.select_for_update()
        row = rows.filter(data__sna__token=token, status="pending").first() if token else None
        if row is None:
            raise not_found(f"/sna/{token}")
        state = row.data["sna"]
        first = not state["result"]
        state["result"] = "success" if takes_part(row.to) else "failure"
        row.save(update_fields=["data"])
    if state["result"] == "failure":
        if first and state["falls_back"]:
            SandboxVerification.objects.filter(pk=row.pk, status="pending").update(channel="sms")
            messages.deliver(row, "sms")
        return urlencode({"ErrorCode": -20, "ErrorDescription": "Carrier not supported"})
    answer = {"ErrorCode": 0, "ErrorDescription": "Success", "Carrier": CARRIER}
    if state["client_token"]:
        answer["ClientToken"] = state["client_token"]
    return urlencode(answer)


def error_of(row: SandboxVerification, client_token: str) -> int:
    """Return the error code because of which a check does not approve. 0 for no error."""
    state = row.data["sna"]
    if not state["result"]:
        return PENDING
    if state["result"] == "failure":
        return ERROR
    expected = state["client_token"]
    same = secrets.compare_digest(expected.encode(), client_token.encode())
    return 0 if not expected or same else URL_FAILED


def errors(row: SandboxVerification, code: int) -> list[dict[str, Any]]:
    """Return the list of errors in the response of a check: the last attempt with its error code."""
    if not code:
        return []
    attempt = SandboxMessage.objects.filter(verification=row, channel="sna").order_by("pk").last()
    return [{"attempt_sid": attempt.sid, "code": code}] if attempt else []
