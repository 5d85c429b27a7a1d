"""Checks of a row that another request has changed: a check uses the stored values."""

from __future__ import annotations

from django_twilio_2fa.models import Answer, Verification
from django_twilio_2fa.process.reservations import take_lease

from ..people import Person


def test_a_check_uses_the_sid_that_a_send_has_just_stored(pat: Person) -> None:
    pat.opens("start").picks("sms")
    stored = Verification.objects.get()
    stale = Verification.objects.get()
    stale.sid, stale.last_sent_at = "", None
    take_lease(stale)
    assert stale.sid == stored.sid != ""


def test_a_check_uses_an_answer_that_has_just_come(pat: Person) -> None:
    pat.opens("start").picks("sms")
    stale = Verification.objects.get()
    Verification.objects.update(answer=Answer.APPROVED)
    take_lease(stale)
    assert stale.answer == Answer.APPROVED
    assert stale.attempts == 1
