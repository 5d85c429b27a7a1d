"""Budgets: registrations stop first, then all sends. Administrators get one email for each level."""

from __future__ import annotations

from collections import Counter as Numbers
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.checks import run_checks
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Verification
from django_twilio_2fa.process.limit_rows import Found, LimitReached, RateLimit
from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import twilio_2fa_budget_reached
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.verifier import Verifier

from ..conf.shows import shows
from ..helpers import at_once, heard
from ..people import EMAIL, PHONE, Person

pytestmark = [pytest.mark.usefixtures("sessions_in_database"), pytest.mark.usefixtures("no_cooldown")]


def newcomer(n: int) -> Any:
    return get_user_model().objects.create_user(f"newcomer{n}")


def owner(n: int, number: str = "") -> Any:
    user = get_user_model().objects.create_user(f"owner{n}")
    register_device(user, number or f"+1212456{1000 + n}")
    return user


def registers(n: int) -> str:
    """Let a new user ask for a code to register a new number. Return the error's code, or ''."""
    user = newcomer(n)
    try:
        Verifier(user, flow=f"flow {n}").send("sms", to=PhoneNumber(f"+1212456{2000 + n}"))
    except errors.TwoFactorError as e:
        return e.code
    return ""


def signs_in(n: int, method: str = "sms") -> str:
    try:
        Verifier(owner(n), flow=f"flow {n}").send(method)
    except errors.TwoFactorError as e:
        return e.code
    return ""


@shows("BUDGETS")
def test_registrations_stop_first_and_proven_devices_last(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "5/h"}}
    assert [registers(n) for n in range(6)] == ["", "", "", "", "budget_reached", "budget_reached"]
    assert [signs_in(n) for n in range(3)] == ["", "budget_reached", "budget_reached"]
    assert Verification.objects.filter(sends__gt=0).count() == 5


def test_a_budget_of_registrations_stops_no_sign_in(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_BUDGETS = {"new": {"messages": "2/h", "purpose": "registration"}}
    assert [registers(n) for n in range(3)] == ["", "", "budget_reached"]
    assert [signs_in(n) for n in range(3)] == ["", "", ""]


def test_large_amounts_of_money_fit_into_the_column(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": "240000"}}  # rials
    settings.TWILIO_2FA_BUDGETS = {"all": {"money": "20000000/d"}}
    assert signs_in(1) == ""
    # SQLite accepts larger numbers than other databases.
    field = Counter._meta.get_field("n")
    _least, most = BaseDatabaseOperations.integer_field_ranges[field.get_internal_type()]
    assert 240000 * 10000 in Counter.objects.values_list("n", flat=True)
    assert all(n <= most for n in Counter.objects.values_list("n", flat=True))


def test_a_budget_of_a_method_leaves_other_methods(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_BUDGETS = {"texts": {"messages": "1/d", "methods": ["sms"]}}
    assert [signs_in(n) for n in range(2)] == ["", "budget_reached"]
    assert signs_in(2, "call") == ""


def test_a_budget_is_counted_separately_for_each_country(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "GB"]
    settings.TWILIO_2FA_BUDGETS = {"places": {"messages": "1/h", "each": "country"}}
    assert [signs_in(n) for n in range(2)] == ["", "budget_reached"]
    Verifier(owner(9, "+447400123456"), flow="a").send("sms")
    with pytest.raises(errors.BudgetReached):
        Verifier(owner(8, "+447400123457"), flow="b").send("sms")


def test_a_budget_of_a_country_does_not_count_other_countries(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "GB"]
    settings.TWILIO_2FA_BUDGETS = {"gb": {"messages": "1/h", "countries": ["GB"]}}
    Verifier(owner(9, "+447400123456"), flow="a").send("sms")
    assert [signs_in(n) for n in range(2)] == ["", ""]
    with pytest.raises(errors.BudgetReached):
        Verifier(owner(8, "+447400123457"), flow="b").send("sms")


def test_a_budget_of_money_counts_prices(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": "0.4"}, "call": {"message": "0.05"}}
    settings.TWILIO_2FA_BUDGETS = {"purse": {"money": "1/d"}}
    assert [signs_in(n) for n in range(3)] == ["", "", "budget_reached"]
    assert [signs_in(n, "call") for n in range(3, 8)] == ["", "", "", "", "budget_reached"]


def test_a_refused_send_is_refunded_to_the_budget(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": "0.4"}}
    settings.TWILIO_2FA_BUDGETS = {"purse": {"money": "1/d", "messages": "2/d"}}
    with pytest.raises(errors.ChannelRefused):
        Verifier(owner(50, "+12025550169"), flow="x").send("sms")
    assert set(Counter.objects.filter(scope__startswith="budget").values_list("n", flat=True)) == {0}
    assert [signs_in(n) for n in range(3)] == ["", "", "budget_reached"]


def test_budgets_add_no_query_to_a_send(sam: Person, settings: Any) -> None:
    cost = []
    # The first send also reads values that the breaker then caches.
    for budgets in ({}, {}, {"all": {"messages": "9/h, 99/d", "money": "9/h"}, "us": {"messages": "9/h"}}):
        settings.TWILIO_2FA_BUDGETS = budgets
        Verification.objects.all().delete()
        with CaptureQueriesContext(connection) as caught:
            sam.verifier.send("sms")
        cost.append(len([q for q in caught if "sandbox" not in q["sql"]]))
    assert cost[1] == cost[2]


def test_other_methods_are_offered_when_a_budget_is_spent(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_BUDGETS = {"texts": {"messages": "1/h", "methods": ["sms"]}}
    assert signs_in(1) == ""
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email"]
    page = sam.posts("start", method="sms")
    assert "We cannot send codes this way for now. Use another way, or try again in" in page.text
    assert page.is_at("start")
    assert sam.picks("email").types_the_code(EMAIL).is_verified
    assert sam.has_got() == 0


def test_a_registration_beyond_the_budget_gets_a_page(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "1/h"}}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    page = demo.opens("start").picks("sms").registers()
    assert page.page.status_code < 500
    assert demo.has_got() == 0


def test_administrators_get_one_email_at_each_level(
    db: None, settings: Any, caplog: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.ADMINS = [("Ann", "ann@example.com")] if not _new_admins() else ["ann@example.com"]
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "10/h"}}
    with heard(twilio_2fa_budget_reached) as told, django_capture_on_commit_callbacks(execute=True):
        for n in range(8):
            registers(n)
        for n in range(4):
            signs_in(n)
    assert [each["level"] for each in told] == ["warning", "registrations", "spent"]
    assert {each["budget"] for each in told} == {"all"}
    subjects = [m.subject for m in mail.outbox if "budget" in m.subject]
    assert len(subjects) == 3
    assert "is spent" in subjects[2]
    assert "Limit: 10 messages in 1 hours" in mail.outbox[-1].body
    assert sum("has reached a level" in r.getMessage() for r in caplog.records) == 3


def _new_admins() -> bool:
    import django

    return django.VERSION >= (6, 0)


def test_a_level_is_reported_once_in_a_period(
    db: None, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "2/h"}}
    with heard(twilio_2fa_budget_reached) as told:
        for n in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                assert signs_in(n) == ""
        Counter.objects.filter(scope__startswith="budget").update(n=1)
        with django_capture_on_commit_callbacks(execute=True):
            assert signs_in(3) == ""
    assert [each["level"] for each in told].count("spent") == 1


def test_unknown_user_ids_do_not_use_up_a_budget(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    settings.TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = 0
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "10/h"}}
    for n in range(5):
        UnauthenticatedVerifier(f"{999_000 + n}").send("sms")
    UnauthenticatedVerifier(str(owner(1, PHONE).pk)).send("sms")
    assert len(messages.delivered(PHONE)) == 1
    counted = Counter.objects.filter(scope__startswith="budget").values_list("n", flat=True)
    assert sorted(counted) == [1, 5]  # Unknown users have a separate counter.


def test_unauthenticated_sends_stop_before_proven_devices(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    settings.TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = 0
    settings.TWILIO_2FA_BUDGETS = {"all": {"messages": "10/h"}}
    for n in range(10):
        UnauthenticatedVerifier(str(owner(n).pk)).send("sms")
    assert sum(len(messages.delivered(f"+1212456{1000 + n}")) for n in range(10)) == 9
    assert signs_in(20) == ""


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("budget", [{"messages": "10/h"}, {"money": "2/h"}])
def test_concurrent_sends_stay_exactly_within_a_budget(settings: Any, budget: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": "0.2"}}
    settings.TWILIO_2FA_BUDGETS = {"all": budget}
    owners = [owner(n) for n in range(14)]

    def send(n: int) -> str:
        try:
            Verifier(owners[n], flow=f"flow {n}").send("sms")
        except errors.TwoFactorError as e:
            return e.code
        return ""

    with heard(twilio_2fa_budget_reached) as told:
        assert Numbers(at_once(send, 14)) == {"": 10, "budget_reached": 4}
    assert sorted(each["level"] for each in told) == ["registrations", "spent", "warning"]


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("PRICES", {"sms": 1}, "E040"),
        ("PRICES", {"sms": {"message": "-1"}}, "E040"),
        ("PRICES", {"sms": {"XX": "1"}}, "E040"),
        ("BUDGETS", {"all": "5/h"}, "E041"),
        ("BUDGETS", {"all": {}}, "E041"),
        ("BUDGETS", {"all": {"messages": "five"}}, "E041"),
        ("BUDGETS", {"all": {"message": "5/h", "money": "1/h"}}, "E041"),
        ("BUDGETS", {"all": {"money": "1.5/h"}}, "E041"),
        ("BUDGETS", {"all": {"money": "1/h", "methods": ["smss"]}}, "E041"),
        ("BUDGETS", {"all": {"money": "1/h", "countries": ["XX"]}}, "E041"),
        ("BUDGETS", {"all": {"money": "1/h", "purpose": "enrol"}}, "E041"),
        ("BUDGETS", {"all": {"money": "1/h", "each": "user"}}, "E041"),
        ("BUDGETS", {"all": {"money": "1/h", "warn_at": 7}}, "E041"),
    ],
)
def test_check_reports_a_mistake_in_prices_and_budgets(settings: Any, name: str, value: Any, id: str) -> None:
    setattr(settings, f"TWILIO_2FA_{name}", value)
    found = [m for m in run_checks(tags=["twilio_2fa"]) if m.level >= 30 and not m.is_silenced()]
    assert [m.id for m in found if "Verify" not in m.msg] == [f"twilio_2fa.{id}"]


def test_check_accepts_good_prices_and_budgets(settings: Any) -> None:
    settings.TWILIO_2FA_PRICES = {"sms": {"message": 0.01, "GB": "0.05", "approval": 0}}
    settings.TWILIO_2FA_BUDGETS = {
        "all": {"messages": "500/h, 3000/d", "money": "20/d", "warn_at": 0.5, "registrations_until": "0.9"},
        "gb": {"money": "5/d", "countries": ["GB"], "methods": ["sms"], "each": ["country", "method"]},
        "new": {"messages": "50/h", "purpose": "registration"},
    }
    assert not [m for m in run_checks(tags=["twilio_2fa"]) if m.id in ("twilio_2fa.E040", "twilio_2fa.E041")]


@given(spends=st.lists(st.integers(1, 60), max_size=25), most=st.integers(1, 100))
def test_amounts_never_add_up_to_more_than_a_limit(spends: list[int], most: int) -> None:
    total = 0
    for amount in spends:
        count = RateLimit("x", ("s", "k", 0), ("k",), most, 60, amount=amount)
        found = Found({count: {count.row: total + amount}})
        try:
            found.require_room(count, own=amount)
        except LimitReached:
            assert total + amount > most
        else:
            total += amount
    assert total <= most


def test_sends_are_not_counted_without_a_budget(sam: Person) -> None:
    sam.opens("start").picks("sms")
    assert not Counter.objects.filter(scope__startswith="budget").exists()
