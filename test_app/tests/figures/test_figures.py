"""Daily figures: their numbers agree with the rows, before and after folding."""

from __future__ import annotations

import json
import random
import statistics
import threading
from collections import Counter, defaultdict
from datetime import timedelta, timezone
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone as django_timezone
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.models import DailyAttempt, DailyFigure, Status, Verification
from django_twilio_2fa.models.verifications import VerificationQuerySet
from django_twilio_2fa.process import figures, figures_report, folding
from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
from django_twilio_2fa.providers.installed import get_providers
from django_twilio_2fa.sandbox import messages

from ..browsers.people import signs_in_again, trusts
from ..conf.shows import shows
from ..helpers import at_once
from ..people import PHONE, Person
from .made_up import a_row, rows_of_the_last

pytestmark = pytest.mark.usefixtures("sessions_in_database")


def report(since: str = "1d") -> dict[str, Any]:
    """Return the JSON that the command writes."""
    out = StringIO()
    call_command("twilio_2fa_report", f"--since={since}", "--json", stdout=out)
    return json.loads(out.getvalue())


def total(since: str = "1d", *names: str) -> dict[str, Any]:
    told = report(since)["total"]
    return {name: told[name] for name in names} if names else told


def counted_by_hand(rows: list[Verification]) -> dict[tuple[str, ...], Counter[str]]:
    """Count the rows for each day, method, country and purpose, without the code under test."""
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for row in rows:
        day = row.created_at.astimezone(timezone.utc).date().isoformat()
        found[day, row.method, row.country, row.purpose].update(["verifications", str(row.status)])
        for method, numbers in row.tally.items():
            found[day, method, row.country, row.purpose].update(numbers)
    return found


def differences(told: dict[str, Any], rows: list[Verification]) -> list[Any]:
    """Return the groups of a report whose numbers differ from those of the rows."""
    by_hand = counted_by_hand(rows)
    names = ("verifications", "sent", "refused", "approved", "failed", "expired", "canceled")
    groups = {(g["day"], g["method"], g["country"], g["purpose"]): g for g in told["groups"]}
    wrong: list[Any] = list(set(by_hand) ^ set(groups))
    wrong += [
        (key, name, groups[key][name], by_hand[key][name])
        for key in groups
        for name in names
        if groups[key][name] != by_hand[key][name]
    ]
    return wrong


class TestReport:
    def test_a_sign_in_and_a_wrong_code_are_reported(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_a_wrong_code().types_the_code()
        told = report()
        [group] = told["groups"]
        assert (group["method"], group["country"], group["purpose"]) == ("sms", "US", "prove")
        assert (group["sent"], group["approved"], group["conversion"]) == (1, 1, 1.0)
        assert told["total"]["sent"] == told["countries"][0]["sent"] == told["methods"][0]["approved"] == 1

    def test_each_message_counts_for_its_own_method(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(70)
        pat.posts("verify", action="resend", method="call").types_the_code()
        told = {row["method"]: row for row in report()["methods"]}
        sent = {m: (row["sent"], row["approved"]) for m, row in told.items()}
        assert sent == {"sms": (1, 0), "call": (1, 1)}

    def test_registrations_and_sign_ins_are_reported_separately(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().types_the_code()
        [row] = report()["purposes"]
        assert (row["purpose"], row["sent"], row["approved"]) == ("enrol", 1, 1)

    def test_a_send_that_twilio_refuses_is_not_counted_as_sent(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("202 555 0169")  # refused as fraud
        assert total("1d", "sent", "refused") == {"sent": 0, "refused": 1}

    @pytest.mark.parametrize(("uncertain", "counted"), [(True, (1, 0)), (False, (0, 1))])
    def test_an_unauthenticated_send_counts_if_its_answer_is_lost(
        self, pat: Person, settings: Any, monkeypatch: Any, uncertain: bool, counted: tuple[int, int]
    ) -> None:
        settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True

        def fails(*args: Any, **kwargs: Any) -> Any:
            error = errors.TwilioUnavailable(twilio_error="no_answer")
            error.uncertain = uncertain
            raise error

        monkeypatch.setattr(get_providers()["sms"], "start", fails)
        UnauthenticatedVerifier(str(pat.user.pk)).send("sms")
        assert tuple(total("1d", "sent", "refused").values()) == counted

    def test_refusals_by_a_limit_and_locks_are_counted(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "1/h", "wrong_tokens_per_user": "1/h"}
        pat.opens("start").picks("sms").types_a_wrong_code()
        Verification.objects.update(pending_key=None, status=Status.CANCELED)
        with pytest.raises(errors.TwoFactorError):
            Person("pat").verifier.send("sms")
        told = total()
        assert told["locked"] == 1
        assert told["limited"] == 0  # A lock does not count as a limit.
        settings.TWILIO_2FA_LIMITS = {"sends_per_user": "1/h"}
        call_command("twilio_2fa_unlock", "pat", stdout=StringIO())
        with pytest.raises(errors.TooManySends):
            Person("pat").verifier.send("sms")
        assert total("1d", "sent", "limited", "locked") == {"sent": 1, "limited": 1, "locked": 1}

    def test_a_code_that_expired_counts_before_its_row_is_touched(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        assert total("1d", "sent", "expired") == {"sent": 1, "expired": 0}
        later(700)
        assert Verification.objects.get().status == Status.PENDING
        assert total("1d", "sent", "expired") == {"sent": 1, "expired": 1}

    def test_a_remembered_browser_does_not_count_as_an_approval(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        trusts(pat)
        before = total("1d", "verifications", "approved")
        signs_in_again(pat)
        assert pat.navigates("/secret/").is_verified
        assert total("1d", "verifications", "approved") == before

    @pytest.mark.parametrize("text", ["", "1", "d", "-1d", "99999d", "2026-13-01", "9999-01-01", "1d;", "१d"])
    def test_an_invalid_period_gets_a_clear_message(self, text: str, db: None) -> None:
        if text == "१d":
            assert report(text)["groups"] == []  # Digits of every script are valid.
            return
        with pytest.raises(CommandError, match=r"hours, days or weeks|within the last ten years"):
            report(text)

    @given(text=st.text(max_size=12))
    def test_any_period_gives_a_day_or_an_error_message(self, text: str) -> None:
        try:
            day = figures_report.first_day(text)
        except ValueError as e:
            day, said = None, str(e)
        assert said if day is None else day <= figures_report.today()

    def test_the_report_as_text_and_csv_has_the_numbers(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        text, table = StringIO(), StringIO()
        call_command("twilio_2fa_report", stdout=text)
        call_command("twilio_2fa_report", "--csv", stdout=table)
        assert "US sms: 1 sent, 1 approved" in text.getvalue()
        assert ",sms,US,prove,1,1,1," in table.getvalue()

    @pytest.mark.parametrize("folded", [False, True])
    def test_a_report_has_the_days_of_its_period_only(self, pat: Person, folded: bool) -> None:
        rows = rows_of_the_last(6, 10, pat.user)
        for day in range(6):
            at = figures_report.today() - timedelta(days=day)
            DailyAttempt.objects.create(day=at, method="sms", country="US", purpose="prove", attempts=1)
        if folded:
            folding.fold()
        since, until = (figures_report.today() - timedelta(days=days) for days in (3, 2))
        told = figures_report.report(since, until)
        days = {since.isoformat(), until.isoformat()}
        expected = [row for row in rows if figures.day_of(row.created_at).isoformat() in days]
        assert {str(group["day"]) for group in told["groups"]} == days
        assert told["total"]["verifications"] == len(expected)
        assert told["total"]["twilio_attempts"] == 2


class TestFolding:
    def test_folding_changes_no_number_of_a_report(self, pat: Person) -> None:
        rows = rows_of_the_last(5, 40, pat.user)
        before = report("6d")
        assert differences(before, rows) == []
        assert folding.fold() > 150
        assert report("6d") == before
        assert folding.fold() == 0
        assert report("6d") == before

    @pytest.mark.slow
    def test_figures_survive_pruning(self, pat: Person) -> None:
        rows = rows_of_the_last(120, 5, pat.user)
        before = report("121d")
        call_command("twilio_2fa_prune", "--days", "30", stdout=StringIO())
        assert Verification.objects.count() < len(rows)
        assert report("121d") == before
        call_command("twilio_2fa_prune", "--days", "1", stdout=StringIO())
        assert report("121d") == before

    def test_figures_survive_the_deletion_of_a_user(self, pat: Person) -> None:
        rows_of_the_last(2, 20, pat.user)
        before = total("3d", "verifications", "sent", "approved")
        folding.fold()
        rows_of_the_last(1, 1, pat.user, seed=2)
        pat.opens("start").picks("sms")
        during = total("3d", "verifications", "sent")
        pat.user.delete()
        assert Verification.objects.count() == 0
        assert total("3d", "verifications", "sent") == during != before

    def test_rows_from_before_an_upgrade_are_counted(self, pat: Person) -> None:
        moment = django_timezone.now() - timedelta(hours=3)
        row = a_row(random.Random(), moment, pat.user, method="sms", tally={}, sends=2, status="approved")
        row.save()
        assert total("1d", "sent", "approved") == {"sent": 2, "approved": 1}

    def test_a_pending_row_is_not_folded(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        assert folding.fold() == 0
        pat.types_the_code()
        assert folding.fold() == 0  # A late answer could change the row until it expires.
        assert total("1d", "sent", "approved") == {"sent": 1, "approved": 1}

    @pytest.mark.parametrize("where", ["among the groups", "at the mark"])
    def test_an_interrupted_fold_counts_nothing(self, pat: Person, monkeypatch: Any, where: str) -> None:
        rows_of_the_last(3, 10, pat.user)
        before, added = report("4d"), []
        add, update = figures.add, VerificationQuerySet.update

        def breaks_among_groups(*args: Any) -> None:
            if len(added) == 2:
                raise ConnectionAbortedError
            added.append(args)
            add(*args)

        def breaks_at_the_mark(self: Any, **fields: Any) -> int:
            if "in_figures" in fields:
                raise ConnectionAbortedError
            return update(self, **fields)

        with monkeypatch.context() as patch:
            if where == "at the mark":
                patch.setattr(VerificationQuerySet, "update", breaks_at_the_mark)
            else:
                patch.setattr(figures, "add", breaks_among_groups)
            with pytest.raises(ConnectionAbortedError):
                folding.fold()
        assert not DailyFigure.objects.exists()
        assert report("4d") == before
        assert folding.fold() > 0
        assert report("4d") == before

    def test_figures_hold_nothing_personal(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms").types_the_code()
        later(8000)
        assert folding.fold() == 1
        fields = {f.name for f in DailyFigure._meta.get_fields()}
        groups = {"day", "method", "country", "purpose"}
        assert fields == {"id", *groups, "times", *figures.COUNTS}
        assert PHONE not in str(list(DailyFigure.objects.values()))

    def test_a_report_of_any_size_takes_few_queries(self, pat: Person) -> None:
        rows_of_the_last(3, 30, pat.user)
        folding.fold()
        with CaptureQueriesContext(connection) as caught:
            figures_report.report(figures_report.first_day("30d"))
        assert len([q for q in caught if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))]) <= 5


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_concurrent_folds_count_each_row_once(self, django_user_model: Any) -> None:
        rows = rows_of_the_last(5, 300, django_user_model.objects.create_user("pat"))
        before = report("6d")
        folded = at_once(lambda _n: folding.fold(), 4)
        assert sum(folded) == Verification.objects.filter(in_figures=True).count()
        assert report("6d") == before
        assert differences(before, rows) == []

    def test_reports_during_folds_show_the_same_numbers(
        self, django_user_model: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(folding, "BATCH", 25)
        rows_of_the_last(4, 200, django_user_model.objects.create_user("pat"))
        before = report("6d")

        def act(n: int) -> Any:
            return folding.fold() if n % 2 else [report("6d") for _ in range(8)]

        for told in at_once(act, 4):
            if isinstance(told, list):
                assert [t["total"] for t in told] == [before["total"]] * 8

    def test_a_fold_waits_for_a_report_that_has_read_the_figures(
        self, django_user_model: Any, monkeypatch: Any
    ) -> None:
        rows_of_the_last(3, 50, django_user_model.objects.create_user("pat"))
        before, start_of = report("4d")["total"], figures.start_of
        has_read, has_folded = threading.Event(), threading.Event()

        def pause(day: Any) -> Any:
            # The report has read the figures, but not the rows.
            has_read.set()
            has_folded.wait(1)
            return start_of(day)

        def act(n: int) -> Any:
            if n == 0:
                return report("4d")["total"]
            assert has_read.wait(30)
            folded = folding.fold()
            has_folded.set()
            return folded

        monkeypatch.setattr(folding, "start_of", pause)
        told, folded = at_once(act, 2)
        assert told == before
        assert folded > 0


class TestNumbers:
    def test_the_median_is_taken_of_all_durations(self, pat: Person) -> None:
        rows = rows_of_the_last(1, 200, pat.user)
        durations = [
            folding.rounded((row.approved_at - row.created_at).total_seconds())
            for row in rows
            if row.approved_at is not None
        ]
        assert total("2d", "median_seconds") == {"median_seconds": statistics.median(durations)}
        folding.fold()
        assert total("2d", "median_seconds") == {"median_seconds": statistics.median(durations)}

    @given(st.lists(st.integers(0, 700), max_size=30))
    def test_the_median_agrees_with_the_standard_library(self, durations: list[int]) -> None:
        expected = statistics.median(durations) if durations else None
        assert figures_report.median(Counter(durations)) == expected

    @shows("PRICES", "PRICES_CURRENCY")
    def test_the_cost_adds_up_prices_of_messages_and_approvals(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PRICES = {"sms": {"message": "0.10", "GB": 0.5, "approval": "1"}, "email": {}}
        settings.TWILIO_2FA_PRICES_CURRENCY = "EUR"
        rows = rows_of_the_last(2, 60, pat.user)
        expected = Decimal(0)
        defaults = {"call": Decimal("0.0140"), "whatsapp": Decimal("0.0147"), "email": Decimal(0)}
        for row in rows:
            for method, numbers in row.tally.items():
                sms = Decimal("0.5") if row.country == "GB" else Decimal("0.10")
                expected += numbers["sent"] * (sms if method == "sms" else defaults[method])
            if row.status == Status.APPROVED:
                expected += Decimal(1) if row.method == "sms" else Decimal("0.05")
        told = report("3d")
        assert (told["currency"], told["total"]["cost"]) == ("EUR", f"{expected:.4f}")
        assert sum(Decimal(g["cost"]) for g in told["groups"]) == expected

    def test_messages_without_a_price_are_counted_as_unpriced(self, pat: Person) -> None:
        moment = django_timezone.now() - timedelta(hours=3)
        a_row(random.Random(), moment, pat.user, method="pigeon", tally={"pigeon": {"sent": 3}}).save()
        assert total("1d", "cost", "unpriced") == {"cost": "0.0000", "unpriced": 3}

    def test_delivery_is_shown_after_a_report_of_twilio(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        assert total("1d", "delivered", "delivery_known") == {"delivered": None, "delivery_known": 0}
        day, about = figures_report.today(), {"method": "sms", "country": "US", "purpose": "prove"}
        numbers = {"attempts": 3, "known": 2, "delivered": 1, "price": "0.1", "currency": "usd"}
        DailyAttempt.objects.create(day=day, **about, **numbers)
        told = total()
        assert (told["delivered"], told["delivery_known"], told["charged"]) == (1, 2, {"usd": "0.10000"})

    def test_the_report_counts_the_messages_that_were_delivered(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        assert len(messages.delivered(PHONE)) == total()["sent"] == 1
