"""Count registrations by place: codes that were sent, and codes that were entered.

The rows contain countries, beginnings of numbers and keyed digests, but no numbers or addresses. An approval
is counted in the step in which its verification began, so recent sends do not look like failures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import DatabaseError
from django.db.models import Q, Sum

from .. import moments
from ..models.contention import again
from ..models.counters import Counter
from .limit_rows import UNLIMITED, RateLimit

logger = logging.getLogger(__name__)

SENT, APPROVED, REGISTERED = "sent", "approved", "registered"
STEP, HOUR, DAY, MONTH = 300, 3600, 86400, 30 * 86400

YOUNG = 2 * STEP
"""The seconds for which a send is young: its code may still be entered. Old sends are at least `STEP` old."""


@dataclass(frozen=True)
class Sends:
    """The numbers of codes that were sent and that were entered."""

    sent: int = 0
    approved: int = 0

    def __sub__(self, other: Sends) -> Sends:
        return Sends(self.sent - other.sent, self.approved - other.approved)

    def converts(self, share: float) -> bool:
        """Return whether at least this share of the codes was entered."""
        return self.approved >= share * self.sent


@dataclass(frozen=True)
class Conversion:
    """The sends to a place in the last day, in the last hour, and in the last `YOUNG` seconds."""

    day: Sends = Sends()
    hour: Sends = Sends()
    young: Sends = Sends()

    @property
    def old(self) -> dict[str, Sends]:
        """The sends without the young ones, by period: users had time to enter their codes."""
        return {"hour": self.hour - self.young, "day": self.day - self.young}


def _step(moment: float, seconds: int = STEP) -> int:
    return int(moment) // seconds * seconds


def sends(keys: Iterable[str]) -> list[RateLimit]:
    """Return the unlimited counters of a send, which are incremented together with those of its limits."""
    now = _step(time.time())
    return [RateLimit(SENT, (SENT, key, now), (key,), UNLIMITED, STEP) for key in keys]


def record_approval(keys: Iterable[str], country: str, began: object) -> None:
    """Count an approved registration. A database error is only logged: the user is verified anyway."""
    then = moments.aware(began).timestamp()  # type: ignore[arg-type]
    rows = [(APPROVED, key, _step(then)) for key in keys]
    rows.append((REGISTERED, country, _step(then, DAY)))
    try:
        again(lambda: Counter.objects.increment(dict.fromkeys(sorted(rows), 1)))
    except DatabaseError as e:
        logger.error("A registration could not be counted: %s", type(e).__name__)


def read(since: Mapping[str, int], country: str) -> tuple[dict[str, Conversion], int]:
    """Return the conversion of each key since its Unix time, and a country's registrations in a month.

    One query.
    """
    now = int(time.time())
    wanted = Q(scope=REGISTERED, key=country, window__gt=now - MONTH)
    for key, moment in since.items():
        wanted |= Q(scope__in=(SENT, APPROVED), key=key, window__gt=max(moment, now - DAY))
    rows = Counter.objects.filter(wanted).order_by().values_list("scope", "key")
    found: dict[tuple[str, str], tuple[int, int, int]] = {}
    for scope, key, total, hour, young in rows.annotate(
        total=Sum("n"),
        hour=Sum("n", filter=Q(window__gt=now - HOUR)),
        young=Sum("n", filter=Q(window__gt=now - YOUNG)),
    ):
        found[scope, key] = int(total or 0), int(hour or 0), int(young or 0)
    none = (0, 0, 0)
    conversions = {
        key: Conversion(*map(Sends, found.get((SENT, key), none), found.get((APPROVED, key), none)))
        for key in since
    }
    return conversions, found.get((REGISTERED, country), none)[0]
