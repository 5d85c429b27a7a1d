"""The admin page of figures: its numbers agree with the rows."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter, defaultdict
from datetime import date, timedelta, timezone
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.formats import date_format

from django_twilio_2fa.admin import charts
from django_twilio_2fa.models import DailyAttempt, Verification
from django_twilio_2fa.process import figures, figures_report, folding, prices
from django_twilio_2fa.providers.installed import get_providers

from ..people import PHONE, Person
from .made_up import rows_of_the_last
from .test_figures import counted_by_hand, differences

NONE = "\N{EN DASH}"
PAGE = "/admin/twilio_2fa/dailyfigure/"
WORDS = {"prove": "prove a device", "enrol": "register a device"}


@pytest.fixture
def boss(db: None, django_user_model: Any, settings: Any) -> Client:
    settings.TWILIO_2FA_REQUIRED_IN_ADMIN = False
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("boss", password="boss"))
    return client


def cells(html: str, name: str) -> dict[str, list[str]]:
    """Return the cells of each row of a table, by the text of the first column."""
    [table] = re.findall(rf'<table data-figures="{name}">(.*?)</table>', html, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", table[table.index("<tbody") :], re.S)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return {unescape(head): [" ".join(cell.split()) for cell in rest] for head, *rest in found}


class ByHand:
    """Expected numbers of a table row, counted without the code under test."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.durations: list[int] = []
        self.cost = Decimal(0)

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    @property
    def cells(self) -> list[str]:
        """The expected cells of a table row."""
        sent, converted = self["sent"], self["converted"]
        median = statistics.median(self.durations) if self.durations else None
        return [
            str(sent),
            f"{self['delivered']} / {self['known']}" if self["known"] else NONE,
            str(self["approved"]),
            f"{100 * round(converted / sent, 4):.0f} % ({converted} / {sent})" if sent else NONE,
            str(self["failed"]),
            str(self["expired"]),
            NONE if median is None else f"{median:.1f}".removesuffix(".0"),
            str(self["refused"]),
            str(self["limited"]),
            str(self["locked"]),
            f"{self.cost:.4f}",
        ]


MESSAGES = {"sms": "0.0083", "call": "0.0140", "whatsapp": "0.0147", "email": "0", "totp": "0"}
APPROVAL = "0.05"


def shown_day(day: str) -> str:
    return date_format(date.fromisoformat(day))


def sums(rows: list[Verification], *names: str) -> dict[str, ByHand]:
    """Return the expected rows of the table grouped by `names`, by the text of their first column."""
    labels = {method: charts.label_of(method) for method in MESSAGES}
    found: dict[str, ByHand] = defaultdict(ByHand)

    def of(day: str, method: str, country: str, purpose: str) -> ByHand:
        words = {"day": shown_day(day), "country": country or "no country", "method": labels[method]}
        words["purpose"] = WORDS[purpose]
        return found[", ".join(words[name] for name in names)]

    for (day, method, country, purpose), counts in counted_by_hand(rows).items():
        mine = of(day, method, country, purpose)
        mine.counts.update(counts)
        mine.counts["converted"] += counts["approved"] if method != "totp" else 0
        mine.cost += counts["sent"] * Decimal(MESSAGES[method]) + counts["approved"] * Decimal(APPROVAL)
    for row in rows:
        if row.approved_at is not None:
            day = row.created_at.astimezone(timezone.utc).date().isoformat()
            seconds = int((row.approved_at - row.created_at).total_seconds())
            about = (day, row.method, row.country, row.purpose)
            of(*about).durations.append(seconds if seconds < 120 else seconds // 10 * 10)
    for n, row in enumerate(refused(rows)):
        about = (figures_report.today().isoformat(), row.method, row.country, row.purpose)
        of(*about).counts.update({"limited": n, "locked": 2})
    for n, about in enumerate(reconciled(rows)):
        of(*about).counts.update({"known": n + 2, "delivered": n})
    return found


def refused(rows: list[Verification]) -> list[Verification]:
    """Return the rows for which `made_up` also counts limits and locks, which have no rows."""
    return rows[:40:5]


def reconciled(rows: list[Verification]) -> list[tuple[str, ...]]:
    """Return the groups for which `made_up` stores delivery reports of Twilio."""
    return sorted(counted_by_hand(rows))[::4]


def made_up(days: int, each_day: int, user: Any) -> list[Verification]:
    """Store rows, refusals by limits, locks and delivery reports. Return the rows."""
    rows = rows_of_the_last(days, each_day, user)
    for n, row in enumerate(refused(rows)):
        figures.count(row, limited=n, locked=2)
    for n, (day, method, country, purpose) in enumerate(reconciled(rows)):
        DailyAttempt.objects.create(
            day=day, method=method, country=country, purpose=purpose, known=n + 2, delivered=n
        )
    return rows


@pytest.mark.parametrize("folded", [False, True])
def test_every_number_of_the_page_agrees_with_the_rows(boss: Client, pat: Person, folded: bool) -> None:
    rows = made_up(20, 15, pat.user)
    if folded:
        folding.fold()
    html = boss.get(PAGE, {"since": "21d"}).content.decode()
    tables = {
        "countries_and_methods": ("country", "method"),
        "countries": ("country",),
        "methods": ("method",),
        "purposes": ("purpose",),
        "days": ("day",),
    }
    for name, keys in tables.items():
        expected = sums(rows, *keys)
        assert cells(html, name) == {words: mine.cells for words, mine in expected.items()}
    assert any(mine["locked"] and mine["limited"] and mine["known"] for mine in sums(rows, "method").values())


def test_the_totals_are_the_sums_of_all_rows(boss: Client, pat: Person) -> None:
    rows = made_up(3, 30, pat.user)
    html = boss.get(PAGE, {"since": "4d"}).content.decode()
    total = dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", html))
    [mine] = sums(rows).values()
    assert total == {
        "Sent": str(mine["sent"]),
        "Delivered": f"{mine['delivered']} of {mine['known']}",
        "Approved": str(mine["approved"]),
        "Failed": str(mine["failed"]),
        "Expired": str(mine["expired"]),
        "Median time to approve": f"{statistics.median(mine.durations):.1f}".removesuffix(".0") + " s",
        "Cost": f"{mine.cost:.4f}",
        "Locks": str(mine["locked"]),
        "Refused by a limit": str(mine["limited"]),
        "Refused by Twilio": str(mine["refused"]),
    }


def test_the_page_shows_charges_and_messages_without_a_price(
    boss: Client, pat: Person, monkeypatch: Any
) -> None:
    rows = made_up(3, 30, pat.user)
    about = {"day": figures_report.today(), "method": "sms", "country": "US"}
    for purpose, price, currency in (
        ("prove", "1.25", "usd"),
        ("enrol", "0.5", "usd"),
        ("prove", "2", "eur"),
    ):
        DailyAttempt.objects.create(**about, purpose=purpose, price=price, currency=currency, service="VA1")
    monkeypatch.setattr(type(get_providers()["whatsapp"]), "message_price", "")
    html = " ".join(boss.get(PAGE, {"since": "4d"}).content.decode().split())
    charged = re.search(r"Charged by Twilio, where it was asked: ([^<]*?)\.(?: |<)", html)
    assert charged is not None
    amounts = [part.split() for part in re.findall(r"[\d.]+ [A-Z]{3}", charged[1])]
    assert [(Decimal(amount), currency) for amount, currency in amounts] == [
        (Decimal("2"), "EUR"),
        (Decimal("1.75"), "USD"),
    ]
    sent = sum(counts["sent"] for key, counts in counted_by_hand(rows).items() if key[1] == "whatsapp")
    assert sent > 1
    assert f"{sent} messages have no price, and are left out." in html


def test_delivery_is_shown_as_not_known_before_reconciling(boss: Client, pat: Person) -> None:
    rows_of_the_last(1, 3, pat.user)
    html = boss.get(PAGE, {"since": "2d"}).content.decode()
    assert "<dt>Delivered</dt><dd>not known</dd>" in html


def test_the_page_shows_prices_of_settings_and_providers(boss: Client, settings: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": "0.5", "GB": "0.25"}}
    html = boss.get(PAGE).content.decode()
    [table] = re.findall(r'<table data-figures="prices">.*?</table>', html, re.S)
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", table)]
    assert rows[1:] == [
        ["call", NONE, "0.0140", "0.05"],
        ["email", NONE, "0", "0.05"],
        ["push", NONE, NONE, "0.05"],
        ["sms", NONE, "0.5", "0.05"],
        ["sms", "GB", "0.25", "0.05"],
        ["totp", NONE, NONE, "0.05"],
        ["whatsapp", NONE, "0.0147", "0.05"],
    ]
    assert f"defaults of {date_format(prices.TAKEN)}" in html


def test_numbers_and_dates_are_formatted_for_the_language(boss: Client, pat: Person) -> None:
    rows = rows_of_the_last(120, 2, pat.user)
    html = boss.get(PAGE, {"since": "120d"}, headers={"accept-language": "de"}).content.decode()
    [mine] = sums(rows).values()
    assert f"<dd>{mine.cost:.4f}</dd>".replace(".", ",") in html
    assert re.search(r"<title>\d{1,2}\. \w+ \d{4} . \d{1,2}\. \w+ \d{4}: Gesendet \d+</title>", html)
    assert " to " not in " ".join(re.findall("<title>(.*?)</title>", html))
    turkish = boss.get(PAGE, {"since": "120d"}, headers={"accept-language": "tr"}).content.decode()
    shares = re.findall(r"<span>([^<]*)</span></li>", turkish)
    assert shares
    assert all(re.fullmatch(r"%\d+ \(\d+ / \d+\)", share) for share in shares)


def test_a_cost_in_a_chart_is_rounded() -> None:
    assert (charts._number(0.129), charts._number(3.0)) == ("0.13", "3")


@pytest.mark.parametrize("days", [5, 364])
def test_the_bars_of_a_chart_add_up_to_the_rows(boss: Client, pat: Person, days: int) -> None:
    rows = rows_of_the_last(days, 3, pat.user)
    context = boss.get(PAGE, {"since": f"{days}d"}).context
    sent_and_approved, cost, shares = context["charts"]
    by_day, [total] = sums(rows, "day"), sums(rows).values()
    for series, name, label in zip(
        sent_and_approved["series"], ("sent", "converted"), ("Sent", "Approved"), strict=True
    ):
        assert sum(bar["value"] for bar in series["bars"]) == total[name]
        assert len(series["bars"]) <= charts.MOST_BARS
        if days == 5:
            titles = {f"{day}: {label} {mine[name]}" for day, mine in by_day.items()}
            assert titles <= {bar["title"] for bar in series["bars"]}
    if days == 5:
        assert sent_and_approved["most"] == str(max(mine["sent"] for mine in by_day.values()))
        # Half a cent may be rounded either way.
        assert float(cost["most"]) == pytest.approx(
            float(max(mine.cost for mine in by_day.values())), abs=0.00501
        )
    assert max(float(bar["height"]) for bar in sent_and_approved["series"][0]["bars"]) == charts.HEIGHT
    assert sum(bar["value"] for bar in cost["series"][0]["bars"]) == pytest.approx(float(total.cost))
    expected = sums(rows, "country", "method")
    assert {b["label"]: (b["approved"], b["sent"], b["percent"]) for b in shares["bars"]} == {
        words: (mine["converted"], mine["sent"], mine.cells[3].partition(" ")[0])
        for words, mine in expected.items()
        if mine["sent"]
    }


def test_csv_and_json_of_the_page_have_the_same_numbers(boss: Client, pat: Person) -> None:
    rows = rows_of_the_last(4, 20, pat.user)
    told = boss.get(PAGE, {"since": "5d", "format": "json"}).json()
    assert differences(told, rows) == []
    answer = boss.get(PAGE, {"since": "5d", "format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    names = ("sent", "approved", "failed", "cost", "day")
    assert [[line[n] for n in names] for line in lines] == [
        [str(g[n]) for n in names] for g in told["groups"]
    ]


@pytest.mark.parametrize("since", ["<script>", "99999999d", "\0", "2026-02-30", "é"])
def test_an_invalid_period_shows_the_page_with_an_error(boss: Client, since: str) -> None:
    page = boss.get(PAGE, {"since": since})
    assert page.status_code == 200
    assert "errornote" in page.content.decode()
    assert "<script>" not in page.content.decode()
    assert boss.get(PAGE, {"since": since, "format": "csv"}).status_code == 400


def test_an_empty_page_says_that_nothing_was_counted(boss: Client) -> None:
    html = boss.get(PAGE).content.decode()
    assert "Nothing was counted." in html
    assert "Nothing was sent." in html


def test_the_page_shows_nothing_personal(boss: Client, pat: Person) -> None:
    pat.opens("start").picks("sms").types_the_code()
    for shape in ("", "json", "csv"):
        text = boss.get(PAGE, {"format": shape}).content.decode()
        assert str(date.today().year) in text
        assert not any(secret in text for secret in (PHONE, "XXX-0143", "pat@", ">pat<"))


def test_the_page_needs_the_permission_to_view_figures(
    db: None, django_user_model: Any, settings: Any
) -> None:
    settings.TWILIO_2FA_REQUIRED_IN_ADMIN = False
    user = django_user_model.objects.create_user("clerk", password="clerk", is_staff=True)
    client = Client()
    client.force_login(user)
    for shape in ("", "csv", "json"):
        assert client.get(PAGE, {"format": shape}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_dailyfigure"))
    assert client.get(PAGE).status_code == 200
    assert client.get(f"{PAGE}add/").status_code == 403


def test_the_page_has_no_inline_style_or_script(boss: Client, pat: Person) -> None:
    rows_of_the_last(2, 5, pat.user)
    html = boss.get(PAGE).content.decode()
    page = html[html.index('id="content-main"') :]
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page[: page.index("</section>")])
    assert 'href="/static/twilio_2fa/figures.css"' in html


def test_a_period_begins_the_given_number_of_days_ago(boss: Client) -> None:
    told = boss.get(PAGE, {"since": "7d", "format": "json"}).json()
    assert date.fromisoformat(told["until"]) - date.fromisoformat(told["since"]) == timedelta(days=7)
