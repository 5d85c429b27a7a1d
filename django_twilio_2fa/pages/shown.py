"""The context of the pages besides their forms: the step, the time left, the entered value."""

from __future__ import annotations

import math
from typing import Any

from django.utils import timezone

from ..contacts import PhoneNumber
from ..models.verifications import Purpose, Verification
from ..process.wording import KINDS
from .step import Wizard


def progress(wizard: Wizard) -> dict[str, Any]:
    """Return the number of the current step of a registration. Empty if the user verifies with a device."""
    steps = [*(["start"] if len(wizard.choices) > 1 else []), "register", "verify"]
    if not (wizard.is_registration or wizard.adds) or wizard.step not in steps:
        return {}
    number = steps.index(wizard.step) + 1
    marks = [at <= number for at in range(1, len(steps) + 1)]
    return {"step_number": number, "step_total": len(steps), "step_marks": marks}


def minutes_left(row: Verification) -> int:
    """Return the minutes until the code expires, rounded up."""
    return max(0, math.ceil((row.expires_at - timezone.now()).total_seconds() / 60))


def entered(wizard: Wizard, row: Verification) -> dict[str, Any]:
    """Return the full number or address that the user has entered in this session to register it.

    Empty for all others: those of a device, of another session or of the site.
    """
    is_own = wizard.state.get("entered") == str(row.public_id)
    contact = row.contact if is_own and row.purpose == Purpose.ENROL else None
    if contact is None:
        return {"entered": ""}
    text = str(contact)
    if isinstance(contact, PhoneNumber):
        text = contact.international_format + (f" ext. {contact.extension}" if contact.extension else "")
    return {"entered": text, "entered_label": KINDS[row.kind]}
