"""What the pages show beside their forms: which step this is, and for how long a code works."""

from __future__ import annotations

import math
from typing import Any

from django.utils import timezone

from ..models import Verification
from .step import Wizard


def progress(wizard: Wizard) -> dict[str, Any]:
    """Return which step of setting up this is. Empty while a user verifies with what they have."""
    steps = [*(["start"] if len(wizard.choices) > 1 else []), "register", "verify"]
    if not (wizard.is_registration or wizard.adds) or wizard.step not in steps:
        return {}
    number = steps.index(wizard.step) + 1
    marks = [at <= number for at in range(1, len(steps) + 1)]
    return {"step_number": number, "step_total": len(steps), "step_marks": marks}


def minutes_left(row: Verification) -> int:
    """Return for how many minutes the code works, rounded up."""
    return max(0, math.ceil((row.expires_at - timezone.now()).total_seconds() / 60))
