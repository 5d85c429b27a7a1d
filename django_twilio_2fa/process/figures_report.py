"""Sum figures up for the admin and for `twilio_2fa_report`: by day, method, country and purpose."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone as django_timezone

from .. import moments
from ..conf import conf
from ..models.figures import DailyAttempt
from ..providers.installed import get_providers
from . import folding, prices
from .figures import COUNTS, Figure, Group

PERIOD = re.compile(r"(\d{1,5})([hdw])")
HOURS = {"h": 1, "d": 24, "w": 168}
LONGEST = timedelta(days=3660)


def today() -> date:
    """Return the current day in UTC."""
    return moments.aware(django_timezone.now()).date()


def first_day(text: str) -> date:
    """Return the first day of a period: `24h`, `1d`, `2w`, or a date. Raises ValueError.

    Days are whole days in UTC, so `1d` is yesterday and today.
    """
    text = text.strip()
    try:
        if match := PERIOD.fullmatch(text):
            now = moments.aware(django_timezone.now())
            day = (now - timedelta(hours=int(match[1]) * HOURS[match[2]])).date()
        else:
            day = date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError("Use hours, days or weeks (24h, 7d, 2w), or a date (2026-01-31).") from None
    if not today() - LONGEST <= day <= today():
        raise ValueError("A period begins within the last ten years.")
    return day


@dataclass
class Attempts:
    """Twilio's numbers of messages, as `twilio_2fa_reconcile` has stored them."""

    attempts: int = 0
    converted: int = 0
    known: int = 0
    delivered: int = 0
    charged: Counter[str] = field(default_factory=Counter)


@dataclass
class Sum:
    """The numbers of several groups, their cost, and Twilio's numbers for them."""

    figure: Figure = field(default_factory=Figure)
    converted: int = 0
    """The number of approved verifications of methods that send. Other methods are not counted."""
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    attempts: Attempts = field(default_factory=Attempts)

    def add(self, group: Group, figure: Figure) -> None:
        """Add a group, and its cost. Messages without a price are counted as `unpriced`."""
        self.figure.add(figure)
        sent, approved = figure.counts["sent"], figure.counts["approved"]
        if sent:
            self.converted += approved
        message, approval = prices_of(group.method, group.country)
        self.cost += (message or 0) * sent + (approval or 0) * approved
        if message is None:
            self.unpriced += sent

    def add_attempts(self, row: DailyAttempt) -> None:
        """Add Twilio's numbers for a group."""
        mine = self.attempts
        mine.attempts += row.attempts
        mine.converted += row.converted
        mine.known += row.known
        mine.delivered += row.delivered
        if row.price:
            mine.charged[row.currency] += row.price  # type: ignore[assignment]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name, for JSON. None stands for an unknown number.

        `conversion` is `converted` of `sent`: the approved verifications of methods that send, as a share of
        the messages.
        """
        counts, mine = self.figure.counts, self.attempts
        return {
            **{name: counts[name] for name in COUNTS},
            "converted": self.converted,
            "conversion": round(self.converted / counts["sent"], 4) if counts["sent"] else None,
            "median_seconds": median(self.figure.times),
            "cost": f"{self.cost:.4f}",
            "unpriced": self.unpriced,
            "delivered": mine.delivered if mine.known else None,
            "delivery_known": mine.known,
            "twilio_attempts": mine.attempts,
            "twilio_converted": mine.converted,
            "charged": {currency: f"{amount:.5f}" for currency, amount in sorted(mine.charged.items())},
        }


def prices_of(method: str, country: str = "") -> tuple[Decimal | None, Decimal | None]:
    """Return the price of a message and of an approval. None for an unknown price."""
    provider = get_providers().get(method)
    message = prices.of_message(method, country, getattr(provider, "message_price", ""))
    return message, prices.of_approval(method, getattr(provider, "approval_price", ""))


def table_of_prices() -> list[dict[str, Any]]:
    """Return the prices in use: of each method and of each country with a price of its own."""
    rows = []
    for name in sorted({*get_providers(), *conf.PRICES}):
        own = prices.of_site(name)
        for country in ["", *sorted(key for key in own if key not in prices.KINDS)]:
            message, approval = prices_of(name, country)
            if message is not None or approval is not None:
                row = {"method": name, "country": country, "message": message, "approval": approval}
                rows.append({**row, "own": bool(own)})
    return rows


def median(times: Counter[int]) -> float | None:
    """Return the median duration in seconds, or None. `times` maps each duration to its number."""
    total = sum(times.values())
    if not total:
        return None
    middle = [(total - 1) // 2, total // 2]
    found: list[int] = []
    before = 0
    for seconds in sorted(times):
        before += times[seconds]
        while len(found) < 2 and middle[len(found)] < before:
            found.append(seconds)
    return sum(found) / 2


Key = Callable[[Any], tuple[Any, ...]]

SUMMARIES: dict[str, tuple[tuple[str, ...], Key]] = {
    "days": (("day",), lambda g: (g.day,)),
    "methods": (("method",), lambda g: (g.method,)),
    "countries": (("country",), lambda g: (g.country,)),
    "countries_and_methods": (("country", "method"), lambda g: (g.country, g.method)),
    "purposes": (("purpose",), lambda g: (g.purpose,)),
    "groups": (("day", "method", "country", "purpose"), lambda g: (g.day, g.method, g.country, g.purpose)),
}
"""The lists of a report, with the names of their keys."""


def report(since: date, until: date | None = None) -> dict[str, Any]:
    """Return all numbers from the day `since` to `until` (by default today), ready for JSON."""
    until = until or today()
    found = folding.read(since, until)
    told = list(DailyAttempt.objects.filter(day__range=(since, until)))
    total = Sum()
    sums: dict[str, dict[tuple[Any, ...], Sum]] = {name: defaultdict(Sum) for name in SUMMARIES}
    for group, figure in found.items():
        total.add(group, figure)
        for name, (_names, key) in SUMMARIES.items():
            sums[name][key(group)].add(group, figure)
    for row in told:
        total.add_attempts(row)
        for name, (_names, key) in SUMMARIES.items():
            sums[name][key(row)].add_attempts(row)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "currency": conf.PRICES_CURRENCY,
        "total": total.as_dict(),
        **{
            name: [
                {**{k: str(v) for k, v in zip(names, key, strict=True)}, **sums[name][key].as_dict()}
                for key in sorted(sums[name])
            ]
            for name, (names, _key) in SUMMARIES.items()
        },
    }


CSV_COLUMNS = (
    *SUMMARIES["groups"][0],
    *COUNTS,
    "converted",
    "conversion",
    "median_seconds",
    "cost",
    "unpriced",
    "delivered",
    "delivery_known",
)
