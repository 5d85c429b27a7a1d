"""The grace period: until a date, users who have no device do not have to verify."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django.utils import timezone

from .. import moments
from .subject import Subject

ALLOW, REMIND, REGISTER = "allow", "remind", "register"
ACTIONS = (ALLOW, REMIND, REGISTER)


def ends_at(subject: Subject) -> datetime | None:
    """Return the end of the grace period of a user without devices. None if it is over, or there is none."""
    until: Any = subject.setting("GRACE_UNTIL")
    if until is None:
        return None
    if not isinstance(until, datetime):
        until = _midnight(until)
    until = moments.stored(until)
    return until if until > timezone.now() else None


def _midnight(day: date) -> datetime:
    """Return the start of a day in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time()), timezone.get_default_timezone())


def action(subject: Subject) -> str:
    """Return the action for a user whose grace period has not ended."""
    told = subject.setting("GRACE_ACTION")
    return told if told in ACTIONS else REMIND
