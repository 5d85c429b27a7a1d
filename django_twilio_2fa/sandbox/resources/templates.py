"""Declare the message templates of an account. Other SIDs select the default text."""

from __future__ import annotations

from dataclasses import dataclass

from ..answers import ORIGIN, Body, Result, Values, page
from ..messages import DEFAULT_WORDING
from ..parameters import text

CREATED = "2021-07-29T20:38:28Z"


@dataclass(frozen=True)
class Template:
    sid: str
    name: str
    text: str
    channels: tuple[str, ...] = ("sms",)


TEMPLATES = (
    Template("HJ" + "0" * 31 + "1", "Sandbox: the default", DEFAULT_WORDING, ("sms", "voice")),
    Template(
        "HJ" + "0" * 31 + "2",
        "Sandbox: with a warning",
        DEFAULT_WORDING + ". Do not share this code with anyone.",
    ),
    Template("HJ" + "0" * 31 + "3", "Sandbox: short", "{{code}} is your code."),
)


def wording(sid: str) -> str:
    """Return the text of a template, with `{{code}}` and `{{friendly_name}}` in it."""
    return next((t.text for t in TEMPLATES if t.sid == sid), DEFAULT_WORDING)


def _body(template: Template, account: str) -> Body:
    translation = {
        "is_default_translation": True,
        "status": "approved",
        "locale": "en",
        "text": template.text,
        "date_updated": CREATED,
        "date_created": CREATED,
    }
    return {
        "sid": template.sid,
        "account_sid": account,
        "friendly_name": template.name,
        "channels": list(template.channels),
        "translations": {"en": translation},
    }


def list_templates(values: Values, *, account: str) -> Result:
    name = text(values, "FriendlyName")
    found = [t for t in TEMPLATES if not name or t.name == name]
    return page(values, found, "templates", f"{ORIGIN}/v2/Templates", lambda t: _body(t, account))
