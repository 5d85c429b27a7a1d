"""Prepare charts and tables of a report for the template, which draws the charts as SVG.

No chart library is used. Such libraries write styles into the SVG, which a content security policy blocks
and a dark color scheme does not change.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from ..models.verifications import Purpose
from ..providers.installed import get_providers

WIDTH, HEIGHT = 1000, 100
MOST_BARS = 100
LEAST_SENT = 1
"""The number of messages that a group needs to be in the chart of conversion."""

COLUMNS = (
    "sent",
    "delivered",
    "approved",
    "conversion",
    "failed",
    "expired",
    "median_seconds",
    "refused",
    "limited",
    "locked",
    "cost",
)


def of(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the charts of a report: what was sent and approved, and the cost, over time."""
    steps = _steps(told)
    return [
        _bars(_("Sent and approved"), told, steps, ("sent", "converted"), (_("Sent"), _("Approved"))),
        _bars(_("Cost (%s)") % told["currency"], told, steps, ("cost",), (_("Cost"),)),
        _shares(told),
    ]


def _steps(told: dict[str, Any]) -> list[tuple[date, date]]:
    """Return the first and last day of each bar. A bar is one day, or several days of a long period."""
    first, last = date.fromisoformat(told["since"]), date.fromisoformat(told["until"])
    days = (last - first).days + 1
    each = 1 if days <= MOST_BARS else 7 * -(-days // (7 * MOST_BARS))
    starts = [first + timedelta(days=n) for n in range(0, days, each)]
    return [(start, min(last, start + timedelta(days=each - 1))) for start in starts]


def _bars(
    title: str,
    told: dict[str, Any],
    steps: list[tuple[date, date]],
    names: tuple[str, ...],
    labels: tuple[str, ...],
) -> dict[str, Any]:
    by_day = {row["day"]: row for row in told["days"]}
    values: list[list[float]] = []
    for first, last in steps:
        days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
        rows = [by_day[day] for day in days if day in by_day]
        values.append([sum(float(row[name]) for row in rows) for name in names])
    most = max((v for each in values for v in each), default=0)
    width = WIDTH / len(steps)
    series = []
    for n, (name, label) in enumerate(zip(names, labels, strict=True)):
        bars = []
        for i, ((first, last), each) in enumerate(zip(steps, values, strict=True)):
            height = HEIGHT * each[n] / most if most else 0
            # Each series is drawn in front of the series before it, and narrower.
            inset = width * (0.1 + 0.15 * n)
            bars.append(
                {
                    "x": f"{i * width + inset:.2f}",
                    "y": f"{HEIGHT - height:.2f}",
                    "width": f"{width - 2 * inset:.2f}",
                    "height": f"{height:.2f}",
                    "title": f"{period(first, last)}: {label} {_number(each[n])}",
                    "value": each[n],
                }
            )
        series.append({"name": name, "label": label, "bars": bars})
    return {
        "kind": "bars",
        "title": title,
        "series": series,
        "most": _number(most),
        "first": date_format(steps[0][0]),
        "last": date_format(steps[-1][1]),
        "each": (steps[0][1] - steps[0][0]).days + 1,
    }


def period(first: date, last: date) -> str:
    """Return a day, or the first and the last one, as the active language writes them."""
    return date_format(first) if first == last else f"{date_format(first)} \N{EN DASH} {date_format(last)}"


def _number(value: float) -> str:
    # `number_format` truncates.
    return number_format(round(value, 2), 0 if value == int(value) else 2)


def _shares(told: dict[str, Any]) -> dict[str, Any]:
    rows = [row for row in told["countries_and_methods"] if row["sent"] >= LEAST_SENT]
    rows.sort(key=lambda row: -row["sent"])
    bars = [
        {
            "label": f"{_country(row['country'])}, {label_of(row['method'])}",
            "share": f"{min(100, 100 * row['conversion']):.1f}",
            "percent": percent(row),
            "sent": row["sent"],
            "approved": row["converted"],
        }
        for row in rows
    ]
    return {"kind": "shares", "title": _("Conversion by country and method"), "bars": bars}


def percent(row: dict[str, Any]) -> str:
    """Return the conversion of a row in percent. Empty if nothing was sent."""
    return "" if row["conversion"] is None else f"{100 * row['conversion']:.0f}"


def in_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its sums of money as numbers, so that templates localize them."""
    charged = {currency: Decimal(amount) for currency, amount in row["charged"].items()}
    return {**row, "cost": Decimal(row["cost"]), "charged": charged}


def label_of(method: str) -> str:
    """Return the method's label for users, or its name if the method is not installed."""
    provider = get_providers().get(method)
    return str(provider.label) if provider is not None else method


def _country(code: str) -> str:
    return code or _("no country")


def tables(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of a report: their titles, and their rows, with the keys of each row in words."""
    purposes = {str(purpose.value): str(purpose.label) for purpose in Purpose}
    about = (
        ("countries_and_methods", _("By country and method")),
        ("countries", _("By country")),
        ("methods", _("By method")),
        ("purposes", _("Registrations and sign-ins")),
        ("days", _("By day")),
    )

    def words(row: dict[str, Any]) -> str:
        found = []
        if "day" in row:
            found.append(date_format(date.fromisoformat(row["day"])))
        if "country" in row:
            found.append(_country(row["country"]))
        if "method" in row:
            found.append(label_of(row["method"]))
        if "purpose" in row:
            found.append(purposes.get(row["purpose"], _("not known here")))
        return ", ".join(found)

    return [
        {
            "name": name,
            "title": title,
            "folded": name == "days",
            "rows": [
                {**in_numbers(row), "words": words(row), "percent": percent(row)}
                for row in (reversed(told[name]) if name == "days" else told[name])
            ],
        }
        for name, title in about
    ]
