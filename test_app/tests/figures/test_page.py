"""The page of figures in the admin shows the numbers of the rows."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from django_twilio_2fa.admin import charts
from django_twilio_2fa.models import Verification
from django_twilio_2fa.process import figures, figures_report

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
    """Return the texts of the cells of a table, by those of its first column."""
    [table] = re.findall(rf'<table data-figures="{name}">(.*?)</table>', html, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", table[table.index("<tbody") :], re.S)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return {unescape(head): [" ".join(cell.split()) for cell in rest] for head, *rest in found}


def sums(rows: list[Verification], *names: str) -> dict[str, dict[str, int]]:
    """Return what the table by `names` has to show: sums of what is counted row by row."""
    labels = {method: charts.label_of(method) for method in ("sms", "call", "whatsapp", "email", "totp")}
    found: dict[str, dict[str, int]] = {}
    for (day, method, country, purpose), counts in counted_by_hand(rows).items():
        words = {"day": day, "country": country or "no country", "method": labels[method]}
        words["purpose"] = WORDS[purpose]
        mine = found.setdefault(", ".join(words[name] for name in names), {})
        converted = counts["approved"] if method != "totp" else 0
        for name, n in {**counts, "converted": converted}.items():
            mine[name] = mine.get(name, 0) + n
    return found


@pytest.mark.parametrize("folded", [False, True])
def test_every_number_of_the_page_is_that_of_the_rows(boss: Client, pat: Person, folded: bool) -> None:
    rows = rows_of_the_last(20, 15, pat.user)
    if folded:
        figures.fold()
    html = boss.get(PAGE, {"since": "21d"}).content.decode()
    tables = {
        "countries_and_methods": ("country", "method"),
        "countries": ("country",),
        "methods": ("method",),
        "purposes": ("purpose",),
        "days": ("day",),
    }
    told = figures_report.report(figures_report.first_day("21d"))
    for name, keys in tables.items():
        shown, expected = cells(html, name), sums(rows, *keys)
        assert set(shown) == set(expected)
        by_words = {row["words"]: row for t in charts.tables(told) if t["name"] == name for row in t["rows"]}
        for words, counts in expected.items():
            sent, approved = counts.get("sent", 0), counts.get("approved", 0)
            converted = counts.get("converted", 0)
            share = f"{100 * round(converted / sent, 4):.0f} % ({converted} / {sent})" if sent else NONE
            median = by_words[words]["median_seconds"]
            assert shown[words] == [
                str(sent),
                NONE,
                str(approved),
                share,
                str(counts.get("failed", 0)),
                str(counts.get("expired", 0)),
                NONE if median is None else f"{median:.1f}".removesuffix(".0"),
                str(counts.get("refused", 0)),
                "0",
                "0",
                by_words[words]["cost"],
            ]


def test_the_totals_are_the_sums_of_all_rows(boss: Client, pat: Person) -> None:
    rows = rows_of_the_last(3, 30, pat.user)
    html = boss.get(PAGE, {"since": "4d"}).content.decode()
    total = dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", html))
    counted = counted_by_hand(rows)
    for label, name in (
        ("Sent", "sent"),
        ("Approved", "approved"),
        ("Failed", "failed"),
        ("Expired", "expired"),
    ):
        assert total[label] == str(sum(counts[name] for counts in counted.values()))
    assert total["Refused by Twilio"] == str(sum(counts["refused"] for counts in counted.values()))
    assert total["Delivered"] == "not known"


@pytest.mark.parametrize("days", [5, 364])
def test_the_bars_of_a_chart_add_up_to_the_rows(boss: Client, pat: Person, days: int) -> None:
    rows = rows_of_the_last(days, 3, pat.user)
    context = boss.get(PAGE, {"since": f"{days}d"}).context
    sent_and_approved, cost, shares = context["charts"]
    counted = counted_by_hand(rows)
    for series, name in zip(sent_and_approved["series"], ("sent", "approved"), strict=True):
        total = sum(bar["value"] for bar in series["bars"])
        assert total == sum(counts[name] for key, counts in counted.items() if key[1] != "totp")
        assert len(series["bars"]) <= charts.MOST_BARS
    assert max(float(bar["height"]) for bar in sent_and_approved["series"][0]["bars"]) == charts.HEIGHT
    assert sum(bar["value"] for bar in cost["series"][0]["bars"]) == pytest.approx(
        float(context["report"]["total"]["cost"])
    )
    expected = sums(rows, "country", "method")
    assert {bar["label"]: (bar["approved"], bar["sent"]) for bar in shares["bars"]} == {
        words: (counts["converted"], counts["sent"])
        for words, counts in expected.items()
        if counts.get("sent")
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
def test_a_period_that_is_none_gets_the_page_with_a_message(boss: Client, since: str) -> None:
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


def test_the_page_has_no_style_or_script_of_its_own(boss: Client, pat: Person) -> None:
    rows_of_the_last(2, 5, pat.user)
    html = boss.get(PAGE).content.decode()
    page = html[html.index('id="content-main"') :]
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page[: page.index("</section>")])
    assert 'href="/static/twilio_2fa/figures.css"' in html


def test_a_period_begins_on_the_day_that_it_names(boss: Client) -> None:
    told = boss.get(PAGE, {"since": "7d", "format": "json"}).json()
    assert date.fromisoformat(told["until"]) - date.fromisoformat(told["since"]) == timedelta(days=7)
