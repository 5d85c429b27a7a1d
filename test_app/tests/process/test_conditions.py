"""Verifications that have changed since the caller read them: locks, limits, expiry and leases still hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_twilio_2fa import errors
from django_twilio_2fa.models import Counter, Lock, Status, Verification
from django_twilio_2fa.process import administration, lockout, rate_limits, reservations
from django_twilio_2fa.process.limit_rows import RateLimit
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.verifier import Verifier

from ..helpers import wrong_code
from ..people import EMAIL, PHONE, Person

CHECK = "/VerificationCheck"


@pytest.fixture
def verifier(sam: Person, no_cooldown: None) -> Verifier:
    return Verifier(sam.user, flow="a-flow", auth="an-auth")


def stored(row: Verification) -> Verification:
    return Verification.objects.get(pk=row.pk)


def guesses(verifier: Verifier, row: Verification, to: str) -> errors.TwoFactorError:
    with pytest.raises(errors.TwoFactorError) as caught:
        verifier.check(row, wrong_code(messages.last_code(to)))
    return caught.value


def test_a_lock_is_reported_before_used_up_attempts(verifier: Verifier, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "5/h"}
    email, sms = verifier.send("email"), verifier.send("sms")
    for _ in range(5):
        guesses(verifier, sms, PHONE)
    assert stored(sms).status == Status.FAILED
    assert isinstance(guesses(verifier, email, EMAIL), errors.TooManyWrongTokens)
    assert isinstance(guesses(verifier, sms, PHONE), errors.TooManyWrongTokens)


def test_a_method_without_messages_reports_a_lock(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    verifier = Verifier(sam.user, flow="a-flow", auth="an-auth")
    verifier.check(verifier.send("sms"), messages.last_code(PHONE))
    verifier.check(verifier.send("recovery", enrol=True), "")
    row = verifier.send("recovery")
    assert verifier.send("recovery") == row
    lockout.lock((sam.user.pk, "a-flow", "recovery"), Lock.FOR_EVER, lockout.session_scope(sam.user))
    for again in (lambda: verifier.send("recovery"), lambda: verifier.resend(row)):
        with pytest.raises(errors.AccountLocked):
            again()


def test_a_right_code_is_not_checked_after_the_last_try(verifier: Verifier) -> None:
    row = verifier.send("sms")
    Verification.objects.filter(pk=row.pk).update(attempts=5)
    row.refresh_from_db()
    with pytest.raises(errors.MaxAttemptsReached):
        verifier.check(row, messages.last_code(PHONE))
    assert (stored(row).status, stored(row).attempts) == (Status.PENDING, 5)


def test_a_right_code_is_not_checked_after_it_has_expired(verifier: Verifier) -> None:
    row = verifier.send("sms")
    Verification.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    with pytest.raises(errors.VerificationExpired):
        verifier.check(row, messages.last_code(PHONE))
    assert stored(row).approved_at is None


def test_an_expired_verification_is_not_resent(verifier: Verifier) -> None:
    row = verifier.send("sms")
    Verification.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    with pytest.raises(errors.VerificationExpired):
        verifier.resend(row)
    assert len(messages.delivered(PHONE)) == 1


def test_a_code_is_not_resent_before_the_cooldown_has_ended(verifier: Verifier) -> None:
    row = verifier.send("sms")
    Verification.objects.filter(pk=row.pk).update(next_send_at=timezone.now() + timedelta(minutes=1))
    with pytest.raises(errors.ResendCooldown):
        verifier.resend(row)
    assert len(messages.delivered(PHONE)) == 1


def test_a_lease_that_was_never_released_ends_by_itself(verifier: Verifier, monkeypatch: Any) -> None:
    monkeypatch.setattr(reservations, "WAIT_FOR_OTHER_CHECK", 0.1)
    row = verifier.send("sms")
    rows = Verification.objects.filter(pk=row.pk)
    rows.update(lease="of-a-process-that-is-gone", lease_until=timezone.now() + timedelta(minutes=1))
    row.refresh_from_db()
    with pytest.raises(errors.CheckInProgress):
        verifier.check(row, messages.last_code(PHONE))
    rows.update(lease_until=timezone.now())
    row.refresh_from_db()
    assert verifier.check(row, messages.last_code(PHONE)).status == Status.APPROVED


def test_a_verification_ends_if_twilio_takes_no_more_codes(verifier: Verifier) -> None:
    row = verifier.send("sms")
    with injected("60202", on=CHECK), pytest.raises(errors.MaxAttemptsReached):
        verifier.check(row, messages.last_code(PHONE))
    assert (stored(row).status, stored(row).lease) == (Status.FAILED, "")
    # The failed row prevents a new verification until its own expiry.
    assert stored(row).pending_key


def test_a_check_that_twilio_does_not_answer_releases_its_lease(verifier: Verifier) -> None:
    row = verifier.send("sms")
    with injected("drop", on=CHECK), pytest.raises(errors.TwilioUnavailable):
        verifier.check(row, "000000")
    assert (stored(row).status, stored(row).lease, stored(row).lease_until) == (Status.PENDING, "", None)


def test_unlock_returns_the_number_of_ended_locks_and_rows(verifier: Verifier) -> None:
    row = verifier.send("sms")
    for _ in range(5):
        guesses(verifier, row, PHONE)
    assert administration.unlock(verifier.user) == 1
    assert administration.unlock(verifier.user) == 0


@pytest.mark.parametrize("amount", [1, 3])
def test_a_refund_never_makes_a_counter_negative(db: None, amount: int) -> None:
    count = RateLimit("a", ("a:60", "key", 0), ("key",), 10, 60, amount=amount)
    rate_limits.add([count])
    rate_limits.refund([count])
    rate_limits.refund([count])
    Counter.objects.update(n=amount - 1)
    rate_limits.refund([count])
    assert Counter.objects.get().n == 0
