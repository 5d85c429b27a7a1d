"""Count verifications from their rows, and add the rows that can no longer change to the figures.

`fold` adds a row to `DailyFigure` and marks the row as counted in one transaction, so each row is counted
exactly once. So the figures are right whenever rows are folded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone as django_timezone

from ..models.contention import durably
from ..models.counters import Counter
from ..models.figures import DailyFigure
from ..models.verifications import UNAUTHENTICATED, Status, Verification
from ..providers.installed import get_providers
from . import figures
from .figures import COUNTS, Figure, Figures, Group, day_of, start_of

FOLDS = ("figures", "folds", 0)
"""A counter that each fold increments first. It is the lock for reading figures and rows together."""

BATCH = 1000
SETTLED = timedelta(hours=1)
"""The time after its expiry in which a row may still change, because a request may still use it."""

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


def rounded(seconds: float) -> int:
    """Round a duration down to a second, or to ten seconds if it is two minutes or longer."""
    whole = max(0, int(seconds))
    return whole if whole < 120 else whole - whole % 10


def of_rows(rows: Iterable[dict[str, Any]], *, gone: bool = False) -> Figures:
    """Count rows, given as values of `COLUMNS`.

    `gone`: the rows are about to be deleted. Pending rows that have not expired count as canceled then.
    """
    found: Figures = defaultdict(Figure)
    now = django_timezone.now()
    sending = {name for name, provider in get_providers().items() if provider.sends}
    for row in rows:
        if row["user_id"] is None and UNAUTHENTICATED in row["details"]:
            continue  # a decoy: no such user exists, and nothing was sent
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
            tally = {row["method"]: {"sent": row["sends"]}}  # a row from before tallies were stored
        for method, numbers in tally.items():
            by = found[key._replace(method=method)].counts
            by.update({name: numbers[name] for name in ("sent", "refused") if numbers.get(name)})
    return dict(found)


def fold(*, dry_run: bool = False) -> int:
    """Add all rows that can no longer change to the figures, in batches. Returns their number."""
    if dry_run:
        return int(_settled().count())
    total = 0
    while _settled().exists():
        total += durably(_fold, _settled())
    return total


def fold_before_deletion(rows: QuerySet[Verification]) -> None:
    """Add rows that are about to be deleted, such as a user's, to the figures in the caller's transaction."""
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
    # Take the lock before reading rows: concurrent folds would count the same rows.
    Counter.objects.increment({FOLDS: 1})
    batch = list(rows.order_by("pk").values(*COLUMNS)[:BATCH])
    found = of_rows(batch, gone=gone)
    for group in sorted(found):
        figures.add(group, dict(found[group].counts), found[group].times)
    Verification.objects.filter(pk__in=[row["pk"] for row in batch]).update(in_figures=True)
    return len(batch)


def read(since: date, until: date) -> Figures:
    """Return the numbers of each group from the day `since` to `until`, from figures and from rows."""
    found: Figures = defaultdict(Figure)
    if not Counter.objects.filter(scope=FOLDS[0], key=FOLDS[1]).exists():
        Counter.objects.increment({FOLDS: 1})
    with transaction.atomic():
        # A fold waits until both have been read. On SQLite, a transaction sees one state of the database.
        list(Counter.objects.select_for_update().filter(scope=FOLDS[0], key=FOLDS[1]))
        for row in DailyFigure.objects.filter(day__range=(since, until)):
            one = found[Group(row.day, row.method, row.country, row.purpose)]
            one.counts.update({name: getattr(row, name) for name in COUNTS})
            one.times.update({int(seconds): n for seconds, n in row.times.items()})
        rows = Verification.objects.filter(in_figures=False, created_at__gte=start_of(since))
        rows = rows.filter(created_at__lt=start_of(until + timedelta(days=1)))
        for key, more in of_rows(rows.values(*COLUMNS).iterator()).items():
            found[key].add(more)
    return dict(found)
