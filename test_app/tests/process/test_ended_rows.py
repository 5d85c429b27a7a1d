"""Rows that are ignored: they have ended or expired, are used up, or belong to another user."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from twilio_2fa_passkey.testing import SoftwareAuthenticator

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Pause, Status, Verification
from django_twilio_2fa.process import approval, breaker, pauses, reservations, verifications, waiting
from django_twilio_2fa.providers import Checked
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.verifier import Verifier

from ..helpers import wrong_code
from ..passkeys import creates, uses, with_passkey
from ..people import PHONE, Person

SECOND, THIRD = "+12025550147", "+12025550148"


@pytest.fixture
def ann(db: None, no_cooldown: None, settings: Any) -> Any:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "recovery"]
    user = get_user_model().objects.create_user("ann", password="ann")
    register_device(user, SECOND)
    return user


def verified(user: Any, number: str, flow: str = "f") -> Verifier:
    verifier = Verifier(user, flow=flow)
    verifier.check(verifier.send("sms"), messages.last_code(number))
    return Verifier(user, flow=flow)


def at_twilio(row: Verification) -> str:
    return SandboxVerification.objects.get(sid=row.sid).status


def test_a_used_up_proof_does_not_allow_a_rename(ann: Any) -> None:
    verifier = verified(ann, SECOND)
    spare = register_device(ann, THIRD)
    verifier.remove(next(each for each in verifier.registered() if each.device == spare))
    [phone] = Verifier(ann, flow="f").registered()
    with pytest.raises(errors.ProofRequired):
        Verifier(ann, flow="f").rename(phone.id, "Mine")


@pytest.mark.parametrize("others_have_some", [False, True])
def test_the_first_recovery_codes_do_not_use_up_the_proof(
    ann: Any, sam: Person, others_have_some: bool
) -> None:
    if others_have_some:
        Device.objects.create(user=sam.user, kind="recovery", digest="d")
    verifier = verified(ann, SECOND)
    verifier.check(verifier.send("recovery", enrol=True), "")
    assert Verifier(ann, flow="f").fresh_proof()


def test_new_recovery_codes_use_up_the_proof(ann: Any) -> None:
    Device.objects.create(user=ann, kind="recovery", digest="d")
    verifier = verified(ann, SECOND)
    verifier.check(verifier.send("recovery", enrol=True), "")
    assert not Verifier(ann, flow="f").fresh_proof()


def test_a_lookup_is_stored_on_its_own_verification_only(ann: Any, sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = True
    theirs = Verifier(sam.user, flow="s").send("sms")
    row = verified(ann, SECOND).send("sms", to=PhoneNumber(THIRD))
    assert Verification.objects.get(pk=row.pk).line_type == "mobile"
    assert Verification.objects.get(pk=theirs.pk).line_type == ""


class TestCanceling:
    """A code that is canceled at Twilio, unless another pending verification has the same number."""

    def test_an_ended_verification_does_not_keep_the_code(self, ann: Any) -> None:
        verified(ann, SECOND, flow="another")
        verifier = Verifier(ann, flow="f")
        row = verifier.send("sms")
        verifier.cancel(row)
        assert at_twilio(row) == "canceled"

    def test_a_verification_of_another_number_does_not_keep_the_code(self, ann: Any, sam: Person) -> None:
        Verifier(sam.user, flow="s").send("sms")
        verifier = Verifier(ann, flow="f")
        row = verifier.send("sms")
        verifier.cancel(row)
        assert at_twilio(row) == "canceled"

    @pytest.mark.parametrize("answer_was_lost", [False, True])
    def test_a_verification_of_the_same_number_keeps_the_code(self, ann: Any, answer_was_lost: bool) -> None:
        other = get_user_model().objects.create_user("tom", password="tom")
        register_device(other, SECOND)
        theirs = Verifier(other, flow="t").send("sms")
        if answer_was_lost:
            Verification.objects.filter(pk=theirs.pk).update(sid="")
        verifier = Verifier(ann, flow="f")
        row = verifier.send("sms")
        verifier.cancel(row)
        assert at_twilio(row) == "pending"


class TestWaits:
    """The seconds that a user has to wait before a method can be used."""

    def waits(self, user: Any) -> list[int]:
        verifier = Verifier(user, flow="f")
        choices = [choice for choice in verifier.choices() if choice.provider.name == "sms"]
        assert choices
        return waiting.waits(verifier.available, choices)

    @pytest.fixture
    def used_up(self, ann: Any) -> Verification:
        verifier = Verifier(ann, flow="f")
        row = verifier.send("sms")
        for _ in range(5):
            with pytest.raises(errors.TwoFactorError):
                verifier.check(row, wrong_code(messages.last_code(SECOND)))
        row.refresh_from_db()
        return row

    def test_a_used_up_verification_makes_its_user_wait(self, used_up: Verification) -> None:
        assert 0 < self.waits(used_up.user)[0] <= 600

    def test_an_expired_verification_causes_no_wait(self, used_up: Verification) -> None:
        Verification.objects.filter(pk=used_up.pk).update(expires_at=timezone.now())
        assert self.waits(used_up.user) == [0]

    def test_a_verification_of_another_user_causes_no_wait(self, used_up: Verification) -> None:
        other = get_user_model().objects.create_user("tom", password="tom")
        register_device(other, SECOND)
        assert self.waits(other) == [0]


def test_a_used_passkey_is_recorded_in_one_row(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey"]
    first, second, toms = (SoftwareAuthenticator() for _ in range(3))
    ann, tom = with_passkey("ann", first), with_passkey("tom", toms)
    [device] = Device.objects.filter(user=ann.user)
    creates(uses(ann, first), second)
    uses(tom, toms)
    device.refresh_from_db()
    noted = {row.pk: row.device_id for row in Verification.objects.all()}
    assert uses(Person("ann"), second).is_verified
    *earlier, last = Verification.objects.order_by("pk")
    assert {row.pk: row.device_id for row in earlier} == noted
    other = Device.objects.filter(user=ann.user).exclude(pk=device.pk).get()
    assert last.device_id == other.pk
    assert Device.objects.get(pk=device.pk).last_used_at == device.last_used_at < other.last_used_at


def test_the_breaker_forgets_a_pause_after_a_day(db: None) -> None:
    now = int(time.time())
    watched = breaker.watched_places("sms", PhoneNumber(PHONE), "")
    method, place = watched[0]
    for stopped in (place, "GB"):
        pauses.begin(method, stopped, seconds=60, reason="")
    assert list(breaker._past_pauses(watched)) == [(method, place)]
    Pause.objects.update(until=now - 86400 - 60)
    assert not breaker._past_pauses(watched)


def test_an_expired_code_ends_the_cooldown(ann: Any, settings: Any) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 30
    first = Verifier(ann, flow="f").send("sms")
    Verification.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    second = Verifier(ann, flow="f").send("sms")
    assert (second.pk != first.pk, second.sends) == (True, 1)


class TestALeaseThatWasTakenOver:
    """A check that took longer than its lease, and a second check that has taken the lease over."""

    @pytest.fixture
    def taken(self, ann: Any) -> tuple[Verifier, Verification, str, str]:
        verifier = Verifier(ann, flow="f")
        row = verifier.send("sms")
        first = reservations.take_lease(row)
        Verification.objects.filter(pk=row.pk).update(lease_until=timezone.now())
        return verifier, row, first, reservations.take_lease(Verification.objects.get(pk=row.pk))

    def test_the_earlier_check_ends_no_verification(self, taken: Any) -> None:
        verifier, row, first, second = taken
        assert not verifications.end(verifier.subject, row, Status.FAILED, lease=first)
        assert (row.status, row.lease) == (Status.PENDING, second)

    def test_the_earlier_check_releases_no_lease(self, taken: Any) -> None:
        _verifier, row, first, second = taken
        reservations.release_lease(reservations.Attempt(row, first))
        assert (row.status, row.lease) == (Status.PENDING, second)

    def test_the_earlier_check_approves_nothing(self, taken: Any) -> None:
        verifier, row, first, second = taken
        outcome = approval.store_approval(verifier.subject, row, first, Checked(approved=True))
        assert outcome is approval.Outcome.SUPERSEDED
        row.refresh_from_db()
        assert (row.status, row.lease) == (Status.PENDING, second)


def test_a_verification_canceled_during_a_send_stays_canceled(ann: Any, settings: Any) -> None:
    verifier = Verifier(ann, flow="f")
    row = verifier.send("sms")

    def cancel(**kwargs: Any) -> dict[str, str]:
        """Cancel the verification in another tab while its message is being sent."""
        Verifier(ann, flow="f").cancel(Verification.objects.get(pk=row.pk))
        return {}

    settings.TWILIO_2FA_VERIFICATION_OPTIONS_CB = cancel
    verifier.resend(row)
    assert row.status == Verification.objects.get(pk=row.pk).status == Status.CANCELED
