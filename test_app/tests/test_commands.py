"""The management commands."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from django_twilio_2fa.models import Counter, Verification

from .people import Person


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


class TestPrune:
    @pytest.fixture
    def old(self, pat: Person, later: Any) -> Person:
        pat.opens("start").picks("sms").types_the_code()
        later(91 * 86400)
        pat.opens("start").picks("sms")
        return pat

    def test_what_is_old_goes_and_what_is_young_stays(self, old: Person) -> None:
        assert "1 verifications were removed" in run("twilio_2fa_prune", "--days", "90")
        assert [row.status for row in Verification.objects.all()] == ["pending"]

    def test_a_dry_run_only_says_how_many(self, old: Person) -> None:
        assert "1 verifications would be removed" in run("twilio_2fa_prune", "--dry-run")
        assert Verification.objects.count() == 2

    def test_a_destination_left_behind_is_blanked(self, pat: Person, later: Any) -> None:
        pat.opens("start").picks("sms")
        later(601)
        assert Verification.objects.get().destination
        assert "1 destinations were removed" in run("twilio_2fa_prune")
        row = Verification.objects.get()
        assert (row.destination, row.status, row.pending_key) == ("", "expired", None)

    def test_a_destination_that_is_needed_still_is_left(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        run("twilio_2fa_prune", "--days", "0")
        assert pat.types_the_code().is_verified

    def test_old_counts_go_and_locks_for_ever_stay(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_a_wrong_code()
        Counter.objects.filter(window__gt=0).update(window=F("window") - 91 * 86400)
        run("twilio_2fa_prune")
        assert [c.scope for c in Counter.objects.all()] == ["wrong_tokens_in_a_row"]


def test_unlocking_nobody_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        run("twilio_2fa_unlock", "nobody")
