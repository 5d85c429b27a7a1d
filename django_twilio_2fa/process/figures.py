"""Count verifications by day, method, country and purpose.

A verification is counted from its row until it can no longer change, see `folding`, so sends and checks need
no extra query. Events without a row, such as refusals, are counted as they happen. Days are in UTC.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from functools import partial
from typing import Any, NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone as django_timezone

from .. import moments
from ..models.contention import again
from ..models.figures import DailyFigure
from ..models.verifications import Verification

logger = logging.getLogger(__name__)

COUNTS = (
    "verifications",
    "sent",
    "approved",
    "failed",
    "expired",
    "canceled",
    "refused",
    "limited",
    "locked",
)


class Group(NamedTuple):
    """The key of a figure: day, method, country and purpose."""

    day: date
    method: str
    country: str
    purpose: str


@dataclass
class Figure:
    """The numbers of one group. `times` counts approvals by the seconds that they took."""

    counts: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)

    def add(self, other: Figure) -> None:
        """Add the numbers of another group."""
        self.counts.update(other.counts)
        self.times.update(other.times)


Figures = dict[Group, Figure]


def one_more(tally: dict[str, Any], method: str, *, sent: int = 0, refused: int = 0) -> dict[str, Any]:
    """Return the tally of a row after a send of `method`, or after a refusal by its provider."""
    before = tally.get(method, {})
    now = {"sent": max(0, before.get("sent", 0) + sent), "refused": before.get("refused", 0) + refused}
    return {**tally, method: now}


def day_of(moment: datetime) -> date:
    """Return the day in UTC of a stored moment."""
    return moments.aware(moment).date()


def start_of(day: date) -> datetime:
    """Return the start of a day in UTC, as the database stores it."""
    return moments.stored(datetime.combine(day, time(), timezone.utc))


def count(row: Verification, method: str = "", **more: int) -> None:
    """Count an event without a row of its own, such as a refusal. A database error is only logged."""
    about = {"method": method or row.method, "country": row.country, "purpose": row.purpose}
    try:
        again(partial(add, Group(day_of(django_timezone.now()), **about), more))
    except DatabaseError as e:
        logger.warning("A figure could not be counted: %s", type(e).__name__)


def add(group: Group, more: dict[str, int], times: Counter[int] | None = None) -> None:
    """Add numbers to a group's row. A caller that passes `times` has to hold the lock `folding.FOLDS`."""
    with transaction.atomic():
        mine = DailyFigure.objects.filter(**group._asdict())
        fields: dict[str, Any] = {name: F(name) + n for name, n in more.items()}
        if times:
            before = mine.values_list("times", flat=True).first() or {}
            total = Counter({int(seconds): n for seconds, n in before.items()}) + times
            fields["times"] = {str(seconds): total[seconds] for seconds in sorted(total)}
        if fields and not mine.update(**fields):
            DailyFigure.objects.get_or_create(**group._asdict())
            mine.update(**fields)
