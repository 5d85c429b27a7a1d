"""Describe the form to create a push factor."""

from __future__ import annotations

from ..answers import ORIGIN, Result, Values
from ..twilio_errors import not_found

PUSH = "form-push"


def fetch_form(values: Values, *, account: str, form_type: str) -> Result:
    if form_type != PUSH:
        raise not_found(f"/Forms/{form_type}")
    return 200, {
        "form_type": PUSH,
        "forms": {"create_factor": {}, "verify_factor": {}, "create_challenge": {}},
        "form_meta": {},
        "url": f"{ORIGIN}/v2/Forms/{PUSH}",
    }
