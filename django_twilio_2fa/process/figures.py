"""Count verifications by day, method, country and purpose.

A verification is counted from its row until it has ended and can no longer change. Then `fold` adds it to
`DailyFigure` and marks it, in one transaction: it is in one of the two, and never in both. So the figures are
right whenever rows are folded, and sending and checking take no query more. The day is that of UTC.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import partial
from typing import Any, NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone as django_timezone

from .. import models, moments
from ..models.figures import DailyFigure
from ..models.verifications import UNAUTHENTICATED, Status, Verification
from ..providers.installed import get_providers

logger = logging.getLogger(__name__)

FOLDS = ("figures", "folds", 0)
"""A counter that each fold increments first. It is the lock for code that reads figures and rows together."""

BATCH = 1000
SETTLED = timedelta(hours=1)
"""After this long past its expiry no request is under way that could change a row."""

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
ENDS = {s.value: s.value for s in (Status.APPROVED, Status.FAILED, Status.EXPIRED, Status.CANCELED)}
COLUMNS = (
    "pk",
    "method",
    "country",
    "purpose",
    "status",
    "created_at",
    "expires_at",
    "approved_at",
    "sends",
    "tally",
    "user_id",
    "details",
)


class Group(NamedTuple):
    """What figures are counted by."""

    day: date
    method: str
    country: str
    purpose: str


@dataclass
class Figure:
    """The numbers of one group. `times` is how many were approved after so many seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)

    def add(self, other: Figure) -> None:
        """Add the numbers of another group."""
        self.counts.update(other.counts)
        self.times.update(other.times)


Figures = dict[Group, Figure]


# What rows say


def one_more(tally: dict[str, Any], method: str, *, sent: int = 0, refused: int = 0) -> dict[str, Any]:
    """Return the tally of a row after a send of `method`, or after its provider has refused one."""
    before = tally.get(method, {})
    now = {"sent": max(0, before.get("sent", 0) + sent), "refused": before.get("refused", 0) + refused}
    return {**tally, method: now}


def day_of(moment: datetime) -> date:
    """Return the day in UTC of a stored moment."""
    return moments.aware(moment).date()


def start_of(day: date) -> datetime:
    """Return when a day begins in UTC, as the database stores moments."""
    return moments.stored(datetime.combine(day, time(), timezone.utc))


def rounded(seconds: float) -> int:
    """Return the seconds that a duration is counted under: whole ones, and from two minutes on tens."""
    whole = max(0, int(seconds))
    return whole if whole < 120 else whole - whole % 10


def of_rows(rows: Iterable[dict[str, Any]], *, gone: bool = False) -> Figures:
    """Count rows, which are the values of `COLUMNS`. `gone`: pending ones are about to be deleted."""
    found: Figures = defaultdict(Figure)
    now = django_timezone.now()
    sending = {name for name, provider in get_providers().items() if provider.sends}
    for row in rows:
        if row["user_id"] is None and UNAUTHENTICATED in row["details"]:
            continue  # a decoy: there is no such user, and nothing was sent
        key = Group(day_of(row["created_at"]), row["method"], row["country"], row["purpose"])
        one = found[key]
        one.counts["verifications"] += 1
        end = ENDS.get(row["status"])
        if end is None and row["expires_at"] <= now:
            end = Status.EXPIRED.value
        elif end is None and gone:
            end = Status.CANCELED.value
        if end:
            one.counts[end] += 1
        if end == Status.APPROVED and row["approved_at"]:
            one.times[rounded((row["approved_at"] - row["created_at"]).total_seconds())] += 1
        tally = row["tally"]
        if not tally and row["method"] in sending:
            tally = {row["method"]: {"sent": row["sends"]}}  # from before there was a tally
        for method, numbers in tally.items():
            by = found[key._replace(method=method)].counts
            by.update({name: numbers[name] for name in ("sent", "refused") if numbers.get(name)})
    return dict(found)


# What is counted as it happens


def count(row: Verification, method: str = "", **more: int) -> None:
    """Add what has no row of its own, such as a refusal. A database error is logged and stops nothing."""
    about = {"method": method or row.method, "country": row.country, "purpose": row.purpose}
    try:
        models.contention.again(partial(_add, Group(day_of(django_timezone.now()), **about), more))
    except DatabaseError as e:
        logger.warning("A figure could not be counted: %s", type(e).__name__)


def _add(group: Group, more: dict[str, int], times: Counter[int] | None = None) -> None:
    """Add numbers to a group's row. A caller that gives `times` holds the lock `FOLDS`."""
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


# From rows to figures


def fold(*, dry_run: bool = False) -> int:
    """Add all rows that can no longer change to the figures, in batches. Returns how many."""
    if dry_run:
        return int(_settled().count())
    total = 0
    while _settled().exists():
        total += models.contention.durably(_fold, _settled())
    return total


def fold_before_deletion(rows: QuerySet[Verification]) -> None:
    """Add rows that are about to be deleted, such as those of a user, within the caller's transaction."""
    rows = rows.filter(in_figures=False)
    with transaction.atomic():
        while rows.exists() and _fold(rows, gone=True):
            pass


def _settled() -> QuerySet[Verification]:
    found: QuerySet[Verification] = Verification.objects.filter(
        in_figures=False, expires_at__lte=django_timezone.now() - SETTLED
    )
    return found


def _fold(rows: QuerySet[Verification], *, gone: bool = False) -> int:
    # First, as a lock: two at once would count the same rows. A row is read only after that.
    models.Counter.objects.increment({FOLDS: 1})
    batch = list(rows.order_by("pk").values(*COLUMNS)[:BATCH])
    figures = of_rows(batch, gone=gone)
    for group in sorted(figures):
        _add(group, dict(figures[group].counts), figures[group].times)
    Verification.objects.filter(pk__in=[row["pk"] for row in batch]).update(in_figures=True)
    return len(batch)


def read(since: date, until: date) -> Figures:
    """Return the numbers of each group from the day `since` to `until`, from figures and from rows."""
    found: Figures = defaultdict(Figure)
    if not models.Counter.objects.filter(scope=FOLDS[0], key=FOLDS[1]).exists():
        models.Counter.objects.increment({FOLDS: 1})
    with transaction.atomic():
        # A fold waits until both have been read. On SQLite, a transaction sees one state of the database.
        list(models.Counter.objects.select_for_update().filter(scope=FOLDS[0], key=FOLDS[1]))
        for row in DailyFigure.objects.filter(day__range=(since, until)):
            one = found[Group(row.day, row.method, row.country, row.purpose)]
            one.counts.update({name: getattr(row, name) for name in COUNTS})
            one.times.update({int(seconds): n for seconds, n in row.times.items()})
        rows = Verification.objects.filter(in_figures=False, created_at__gte=start_of(since))
        rows = rows.filter(created_at__lt=start_of(until + timedelta(days=1)))
        for key, more in of_rows(rows.values(*COLUMNS).iterator()).items():
            found[key].add(more)
    return dict(found)
