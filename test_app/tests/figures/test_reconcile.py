"""The command `twilio_2fa_reconcile`: it compares the rows with the messages that Twilio has sent."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_twilio_2fa.models import DailyAttempt, Status, Verification
from django_twilio_2fa.process import figures_report, reconciliation
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification
from django_twilio_2fa.testing import TwilioSandbox
from django_twilio_2fa.twilio import attempts

from ..people import PHONE, Person

OURS_ONLY = "VE" + "9" * 32


def reconcile(since: str = "1d", **options: Any) -> dict[str, Any]:
    """Return the JSON that the command writes, with `differs` for its exit status."""
    out = StringIO()
    try:
        call_command("twilio_2fa_reconcile", f"--since={since}", "--json", stdout=out)
    except CommandError as e:
        if not out.getvalue():
            raise
        return {**json.loads(out.getvalue()), "differs": "differ" in str(e)}
    return {**json.loads(out.getvalue()), "differs": False}


@pytest.fixture
def signed_in(pat: Person) -> Person:
    return pat.opens("start").picks("sms").types_the_code()


def test_rows_that_agree_with_twilio_show_no_difference(signed_in: Person) -> None:
    told = reconcile()
    assert (told["attempts"], told["compared"], told["differs"]) == (1, 1, False)


def test_a_send_unknown_to_this_site_is_found(signed_in: Person) -> None:
    Verification.objects.update(sid=OURS_ONLY)
    told = reconcile()
    sid = SandboxVerification.objects.get().sid
    assert [(u["verification"], u["channel"], u["country"]) for u in told["unknown"]] == [(sid, "sms", "US")]
    assert [m["verification"] for m in told["missing"]] == [OURS_ONLY]
    assert PHONE not in json.dumps(told)


def test_an_extra_message_at_twilio_is_found(signed_in: Person) -> None:
    message = SandboxMessage.objects.get()
    message.pk = None
    message.sid = "VL" + "7" * 32
    message.converted = False
    message.save(force_insert=True)
    [found] = reconcile()["sends"]
    assert (found["ours"], found["twilio"]) == (1, 2)


@pytest.mark.parametrize("ours", [True, False])
def test_an_approval_on_one_side_only_is_found(signed_in: Person, ours: bool) -> None:
    if ours:
        SandboxMessage.objects.update(converted=False)
    else:
        Verification.objects.update(status=Status.EXPIRED)
    [found] = reconcile()["approvals"]
    assert (found["ours"], found["twilio"]) == (ours, not ours)


def test_twilios_answers_are_read_page_by_page(signed_in: Person, monkeypatch: Any) -> None:
    monkeypatch.setattr(attempts, "PAGE", 2)
    first = SandboxMessage.objects.get()
    for n in range(6):
        first.pk, first.sid, first.converted = None, f"VL{n:032d}", False
        first.save(force_insert=True)
    told = reconcile()
    assert told["attempts"] == 7
    assert told["sends"][0]["twilio"] == 7
    assert told["summaries"] == []


def test_delivery_is_shown_after_twilio_was_asked(signed_in: Person) -> None:
    reconcile()
    total = figures_report.report(figures_report.first_day("1d"))["total"]
    assert (total["delivered"], total["delivery_known"], total["twilio_converted"]) == (1, 1, 1)
    [row] = DailyAttempt.objects.all()
    assert (row.method, row.country, row.purpose, row.converted) == ("sms", "US", "prove", 1)


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({}, 1),
        ({"sid": "YF" + "9" * 32}, 0),
        ({"created_at": timezone.now() - timedelta(days=9)}, 0),
        ({"created_at": timezone.now() + timedelta(days=9)}, 0),
    ],
)
def test_only_messages_of_the_period_can_be_missing(
    signed_in: Person, changed: dict[str, Any], missing: int
) -> None:
    Verification.objects.update(**{"sid": OURS_ONLY, **changed})
    assert len(reconcile()["missing"]) == missing


@pytest.mark.parametrize("other", [{"service": "VA" + "9" * 32}, {"day": date(2020, 1, 1)}])
def test_figures_of_another_day_or_service_are_kept(signed_in: Person, other: dict[str, Any]) -> None:
    reconcile()
    DailyAttempt.objects.update(**other)
    reconcile()
    assert DailyAttempt.objects.filter(**other).count() == 1
    assert DailyAttempt.objects.count() == 2


def test_reconciling_twice_gives_the_same_numbers(signed_in: Person) -> None:
    first = reconcile(), list(DailyAttempt.objects.values_list("attempts", "delivered"))
    again = reconcile(), list(DailyAttempt.objects.values_list("attempts", "delivered"))
    assert first == again


def test_real_prices_are_added_up(signed_in: Person, monkeypatch: Any) -> None:
    from django_twilio_2fa.sandbox.resources import attempts as resource

    body = resource._body

    def priced(row: Any) -> Any:
        return {**body(row), "price": {"value": "-0.00830", "currency": "USD"}}

    monkeypatch.setattr(resource, "_body", priced)
    assert Decimal(reconcile()["charged"]["usd"]) == Decimal("0.0083")
    report = figures_report.report(figures_report.first_day("1d"))
    assert report["total"]["charged"] == report["methods"][0]["charged"] == {"usd": "0.00830"}


def test_messages_older_than_our_rows_are_not_called_unknown(signed_in: Person) -> None:
    Verification.objects.update(sid=OURS_ONLY, tally={"sms": {"sent": 0}})
    SandboxMessage.objects.update(sent_at=timezone.now() - timedelta(days=3))
    SandboxVerification.objects.update(created_at=timezone.now() - timedelta(days=3))
    told = reconcile("5d")
    assert (told["before_our_rows"], told["unknown"]) == (1, [])


def test_an_error_of_twilio_is_reported_and_stores_nothing(signed_in: Person) -> None:
    reconcile()
    with (
        TwilioSandbox().fault("20503", on="/Attempts", times=0),
        pytest.raises(CommandError, match="could not be asked"),
    ):
        reconcile()
    assert DailyAttempt.objects.count() == 1


def test_the_text_output_names_the_differences(signed_in: Person) -> None:
    out = StringIO()
    call_command("twilio_2fa_reconcile", stdout=out)
    assert "1 messages at Twilio" in out.getvalue()
    Verification.objects.update(sid=OURS_ONLY)
    with pytest.raises(CommandError, match="differ"):
        call_command("twilio_2fa_reconcile", stdout=out)
    assert "1 sent by Twilio, and not known here" in out.getvalue()
    assert reconciliation.Result().differs is False


def test_an_invalid_period_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="hours, days or weeks"):
        call_command("twilio_2fa_reconcile", "--since=soon")
