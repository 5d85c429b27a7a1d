"""Deliver messages in the sandbox, and read them."""

from __future__ import annotations

from typing import Any

from ..moments import aware
from .models import SandboxMessage, SandboxVerification, new_sid

SERVICE_NAME = "Sandbox"


def deliver(verification: SandboxVerification, channel: str, *, name: str = "", locale: str = "") -> None:
    sender = name or SERVICE_NAME
    code = verification.code
    if channel == "call":
        spoken = ", ".join(code)
        body = f"Hello. Your {sender} verification code is: {spoken}. Once more: {spoken}. Goodbye."
    elif channel == "email":
        body = f"Your {sender} verification code is {code}. It is good for ten minutes."
    else:
        body = f"Your {sender} verification code is: {code}"
    SandboxMessage.objects.create(
        sid=new_sid("VL"),
        verification=verification,
        to=verification.to,
        channel=channel,
        sender=sender,
        locale=locale,
        body=body,
    )


def delivered(to: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Return the delivered messages, newest first; to one destination if given."""
    rows = SandboxMessage.objects.select_related("verification")
    if to:
        rows = rows.filter(to=to)
    return [
        {
            "to": row.to,
            "channel": row.channel,
            "code": row.verification.code,
            "body": row.body,
            "locale": row.locale,
            "sent_at": aware(row.sent_at).isoformat(),
            "verification_sid": row.verification.sid,
        }
        for row in rows[:limit]
    ]


def last(to: str = "") -> dict[str, Any]:
    """Return the last delivered message, to one destination if given. Raises LookupError for none."""
    rows = delivered(to, 1)
    if not rows:
        raise LookupError(f"Nothing was delivered {f'to {to}' if to else 'yet'}")
    return rows[0]


def last_code(to: str = "") -> str:
    """Return the code of the last message, to one destination if given. Raises LookupError for none."""
    return str(last(to)["code"])
