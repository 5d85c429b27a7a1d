"""Show the messages that Twilio would have delivered."""

from __future__ import annotations

from pathlib import Path

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from . import authenticators
from .models import SandboxChallenge, SandboxMessage

HERE = Path(__file__).parent / "static" / "twilio_2fa_sandbox"
# The static files of the page, with their media types.
FILES = {"handset.css": "text/css; charset=utf-8", "handset.js": "text/javascript; charset=utf-8"}
SHOWN = 50


def _asked() -> QuerySet[SandboxChallenge]:
    """Return the push challenges that wait for an answer, newest first."""
    rows = SandboxChallenge.objects.filter(
        factor_type="push", status="pending", expires_at__gt=timezone.now()
    )
    return rows.select_related("factor").order_by("-pk")[:SHOWN]


def page(to: str, *, fragment: bool, files: dict[str, str]) -> str:
    """Return the page, or only its messages. `files` has the URL of each of `FILES`."""
    rows = SandboxMessage.objects.select_related("verification")
    if to:
        rows = rows.filter(to=to)
    name = "_messages" if fragment else "handset"
    return render_to_string(
        f"twilio_2fa_sandbox/{name}.html",
        {
            "deliveries": rows[:SHOWN],
            "to": to,
            "authenticators": authenticators.shown(),
            "challenges": _asked(),
            "stylesheet": files["handset.css"],
            "script": files["handset.js"],
        },
    )
