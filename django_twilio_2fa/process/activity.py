"""List a user's recent verifications for the user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from ..models.verifications import Purpose, Status, Verification
from ..providers.installed import get_providers
from ..providers.user_agent import shown_name
from . import browsers
from .subject import Subject

RECENT = 10

RESULTS = {
    (Purpose.PROVE, Status.PENDING): _("Waiting for the code"),
    (Purpose.PROVE, Status.APPROVED): _("Verified"),
    (Purpose.PROVE, Status.FAILED): _("Too many wrong codes, or refused"),
    (Purpose.PROVE, Status.EXPIRED): _("Not finished"),
    (Purpose.PROVE, Status.CANCELED): _("Canceled"),
    (Purpose.ENROL, Status.PENDING): _("Adding: waiting for the code"),
    (Purpose.ENROL, Status.APPROVED): _("Added"),
    (Purpose.ENROL, Status.FAILED): _("Adding: too many wrong codes, or refused"),
    (Purpose.ENROL, Status.EXPIRED): _("Adding: not finished"),
    (Purpose.ENROL, Status.CANCELED): _("Adding: canceled"),
}
"""The text that a user reads about a verification, by purpose and status."""


@dataclass(frozen=True)
class Activity:
    """One verification as its user sees it: time, method, masked value, result and browser.

    `browser` is a name, such as `Firefox on Windows`. Empty if the browser is unknown.
    """

    at: datetime
    method: str
    label: str
    value: str
    status: str
    result: str
    browser: str


def recent(subject: Subject) -> list[Activity]:
    """Return the user's recent verifications, newest first."""
    if subject.user is None:
        return []
    rows = Verification.objects.filter(user=subject.user).order_by("-created_at", "-pk")[:RECENT]
    return [_activity(subject, row) for row in rows]


def _activity(subject: Subject, row: Verification) -> Activity:
    status = Status(row.status)
    if status == Status.PENDING and row.is_expired():
        # No request has ended the row since it expired.
        status = Status.EXPIRED
    result = str(RESULTS[Purpose(row.purpose), status])
    # The value of a remembered browser is its name, as it was when the user asked to remember it.
    value = row.masked
    if row.method == browsers.METHOD:
        value = "" if row.browser else shown_name(value)
    label = _label(subject, row)
    return Activity(row.created_at, row.method, label, value, status.value, result, shown_name(row.browser))


def _label(subject: Subject, row: Verification) -> str:
    """Return the label of the method, or its short name if it is not installed."""
    if row.method == browsers.METHOD:
        return str(_("Remembered browser"))
    provider = get_providers().get(row.method)
    if provider is None:
        return row.method
    shown: dict[str, Any] = provider.display(user=subject.user, request=subject.request)
    return str(shown["label"])
