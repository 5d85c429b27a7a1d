"""Compare this site's verifications with Twilio's, and store Twilio's deliveries and prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Min, QuerySet

from .. import moments
from ..models.contention import again
from ..models.figures import DailyAttempt
from ..models.verifications import Status, Verification
from ..providers.installed import get_providers
from ..twilio.attempts import Attempt, attempts, summary
from ..twilio.client import service_sid
from . import figures

LIFETIME = timedelta(hours=1)
"""The time before the period from which attempts are read, for verifications that began before it."""

IN_CHUNKS = 500
MOST_SHOWN = 1000


@dataclass
class Ours:
    """This site's data about one verification at Twilio. Users with the same number share one."""

    sent: int = 0
    approved: bool = False
    purpose: str = ""
    began: datetime | None = None


@dataclass
class Theirs:
    """Twilio's data about one verification."""

    attempts: int = 0
    converted: bool = False
    last: Attempt | None = None


@dataclass
class Result:
    """The result of a comparison. Verifications are named by Twilio's SID, without a recipient."""

    attempts: int = 0
    compared: int = 0
    before_our_rows: int = 0
    unknown: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    sends: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    prices: dict[str, Decimal] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Return whether this site's data and Twilio's differ."""
        return bool(self.unknown or self.missing or self.sends or self.approvals or self.summaries)

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON. Long lists are cut."""
        lists = ("unknown", "missing", "sends", "approvals", "summaries")
        return {
            "attempts": self.attempts,
            "compared": self.compared,
            "before_our_rows": self.before_our_rows,
            **{f"{name}_total": len(getattr(self, name)) for name in lists},
            **{name: getattr(self, name)[:MOST_SHOWN] for name in lists},
            "charged": {currency: str(amount) for currency, amount in sorted(self.prices.items())},
        }


def reconcile(since: date, until: date) -> Result:
    """Compare the days from `since` to `until` for every service of this site, and store Twilio's numbers.

    Raises `TwilioUnavailable` and `TwilioRateLimited`. Nothing is stored for a service that failed.
    """
    result = Result()
    start, end = figures.start_of(since), figures.start_of(until + timedelta(days=1))
    for service in _services(start, end):
        _reconcile_service(result, service, start, end)
    return result


def _services(start: datetime, end: datetime) -> list[str]:
    rows = Verification.objects.filter(created_at__gte=start, created_at__lt=end)
    found = set(rows.order_by().values_list("service", flat=True).distinct())
    for registration in (False, True):
        found.add(service_sid(registration=registration))
    return sorted(sid for sid in found if sid.startswith("VA"))


def _reconcile_service(result: Result, service: str, start: datetime, end: datetime) -> None:
    first, last = moments.aware(start), moments.aware(end)
    told: dict[str, Theirs] = defaultdict(Theirs)
    in_period: list[Attempt] = []
    for one in attempts(service, first - LIFETIME, last):
        theirs = told[one.verification]
        theirs.attempts += 1
        theirs.converted = theirs.converted or one.converted
        theirs.last = theirs.last or one
        if one.created >= first:
            in_period.append(one)
    result.attempts += len(in_period)
    total, _converted = summary(service, first - LIFETIME, last)
    seen = sum(theirs.attempts for theirs in told.values())
    if total != seen:
        result.summaries.append({"service": service, "attempts": seen, "summary": total})
    ours = _rows(told)
    _compare(result, service, told, ours, first)
    _find_missing(result, service, told, start, end)
    _store(service, in_period, ours, figures.day_of(start), figures.day_of(end) - timedelta(days=1))
    for one in in_period:
        if one.price:
            result.prices[one.currency] = result.prices.get(one.currency, Decimal(0)) + one.price


def _rows(told: Iterable[str]) -> dict[str, Ours]:
    """Return this site's data about Twilio's verifications, by SID."""
    found: dict[str, Ours] = defaultdict(Ours)
    sids = list(told)
    columns = ("sid", "status", "purpose", "created_at", "tally", "sends")
    for n in range(0, len(sids), IN_CHUNKS):
        for row in Verification.objects.filter(sid__in=sids[n : n + IN_CHUNKS]).values(*columns):
            ours = found[row["sid"]]
            ours.sent += _sent(row)
            ours.approved = ours.approved or row["status"] == Status.APPROVED
            ours.purpose = row["purpose"]
            began = moments.aware(row["created_at"])
            ours.began = min(began, ours.began or began)
    return dict(found)


def _sent(row: dict[str, Any]) -> int:
    if not row["tally"]:
        return int(row["sends"])
    return sum(int(numbers.get("sent", 0)) for numbers in row["tally"].values())


def _compare(
    result: Result, service: str, told: dict[str, Theirs], ours: dict[str, Ours], first: datetime
) -> None:
    oldest = Verification.objects.aggregate(at=Min("created_at"))["at"]
    since = moments.aware(oldest) if oldest is not None else None
    for sid, theirs in told.items():
        mine, last = ours.get(sid), theirs.last
        if last is None or last.created < first or (mine and mine.began and mine.began < first):
            continue
        about = {"verification": sid, "service": service}
        if mine is None and since is not None and last.created < since - LIFETIME:
            result.before_our_rows += theirs.attempts
            continue
        result.compared += 1
        if mine is None:
            more = {"channel": last.channel, "country": last.country, "created": last.created.isoformat()}
            result.unknown.append({**about, "attempts": theirs.attempts, **more})
            continue
        if mine.sent != theirs.attempts:
            result.sends.append({**about, "ours": mine.sent, "twilio": theirs.attempts})
        if mine.approved != theirs.converted:
            result.approvals.append({**about, "ours": mine.approved, "twilio": theirs.converted})


def _find_missing(
    result: Result, service: str, told: dict[str, Theirs], start: datetime, end: datetime
) -> None:
    """Find rows with sends that Twilio does not know."""
    mine = Verification.objects.filter(created_at__gte=start, created_at__lt=end, sid__startswith="VE")
    own = service_sid()
    columns = ("sid", "service", "tally", "sends")
    for row in mine.values(*columns).iterator():
        # Older rows have no service. They belong to the service of the settings.
        if (row["service"] or own) == service and _sent(row) and row["sid"] not in told:
            result.missing.append({"verification": row["sid"], "service": service, "ours": _sent(row)})


def _store(service: str, found: list[Attempt], ours: dict[str, Ours], since: date, until: date) -> None:
    """Replace the stored numbers of a service for these days, so that a second run counts nothing twice."""
    by_channel = {getattr(p, "channel", ""): p.name for p in get_providers().values()}
    rows: dict[tuple[Any, ...], DailyAttempt] = {}
    for one in found:
        mine = ours.get(one.verification)
        method, purpose = by_channel.get(one.channel, one.channel), mine.purpose if mine else ""
        key = (one.created.date(), method, one.country, purpose, one.currency)
        row = rows.get(key)
        if row is None:
            names = ("day", "method", "country", "purpose", "currency")
            row = rows[key] = DailyAttempt(service=service, **dict(zip(names, key, strict=True)))
            row.price = Decimal(0)
        row.attempts += 1
        row.converted += one.converted
        row.known += one.delivered is not None
        row.delivered += one.delivered is True
        row.price += one.price
    again(
        partial(
            _replace, DailyAttempt.objects.filter(service=service, day__range=(since, until)), rows.values()
        )
    )


def _replace(old: QuerySet[DailyAttempt], new: Iterable[DailyAttempt]) -> None:
    with transaction.atomic():
        old.delete()
        DailyAttempt.objects.bulk_create(new)
