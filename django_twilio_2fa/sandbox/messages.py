"""Store the messages that the sandbox delivers, and read them."""

from __future__ import annotations

from typing import Any

from ..moments import aware
from .answers import ORIGIN
from .models import SandboxMessage, SandboxVerification, new_sid

SERVICE_NAME = "Sandbox"
DEFAULT_WORDING = "Your {{friendly_name}} verification code is: {{code}}"


WARNING = ". Don't share this code with anyone; our employees will never ask for the code"


def deliver(
    verification: SandboxVerification,
    channel: str,
    *,
    name: str = "",
    locale: str = "",
    wording: str = "",
    warns: bool = False,
    app_hash: str = "",
) -> SandboxMessage:
    """Deliver a message with a code. `wording`: the text of a template. `warns`: add a warning."""
    sender = name or SERVICE_NAME
    code = verification.code
    text = (wording or DEFAULT_WORDING).replace("{{friendly_name}}", sender)
    if channel == "call":
        spoken = ", ".join(code)
        body = (
            text.replace("{{code}}", spoken)
            if wording
            else f"Hello. Your {sender} verification code is: {spoken}. Once more: {spoken}. Goodbye."
        )
    elif channel == "email":
        body = f"Your {sender} verification code is {code}. It is good for ten minutes."
    elif channel == "sna":
        body = "The phone opens an address over its mobile network. No code is sent."
    else:
        body = text.replace("{{code}}", code) + (WARNING if warns and channel == "sms" else "")
        if app_hash and channel == "sms":
            body = f"<#> {body}\n{app_hash}"
    return SandboxMessage.objects.create(
        sid=new_sid("VL"),
        verification=verification,
        to=verification.to,
        channel=channel,
        sender=sender,
        locale=locale,
        body=body,
    )


def sna_url(verification: SandboxVerification) -> str:
    """Return the URL that the phone opens for Silent Network Auth."""
    return f"{ORIGIN}/sandbox/sna/{verification.data['sna']['token']}"


def delivered(to: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Return the delivered messages, newest first. `to`: only those to this destination."""
    rows = SandboxMessage.objects.select_related("verification")
    if to:
        rows = rows.filter(to=to)
    return [
        {
            "to": row.to,
            "channel": row.channel,
            "code": "" if row.channel == "sna" else row.verification.code,
            "body": row.body,
            "locale": row.locale,
            "sent_at": aware(row.sent_at).isoformat(),
            "verification_sid": row.verification.sid,
        }
        for row in rows[:limit]
    ]


def last(to: str = "") -> dict[str, Any]:
    """Return the last message, to one destination if given. Raises LookupError for none."""
    rows = delivered(to, 1)
    if not rows:
        raise LookupError(f"Nothing was delivered {f'to {to}' if to else 'yet'}")
    return rows[0]


def last_code(to: str = "") -> str:
    """Return the code of the last message, to one destination if given. Raises LookupError for none."""
    return str(last(to)["code"])
