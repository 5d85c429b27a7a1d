"""Locks and blocks that begin while a page is open: they hold for the form posted from that page."""

from __future__ import annotations

import time

import pytest

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.process import lockout
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..people import PHONE, Person

HOUR = 3600


def lock(person: Person) -> None:
    """Lock the user, without the counters that would also refuse their requests."""
    lockout.lock((person.user.pk,), int(time.time()) + HOUR)
    assert not Counter.objects.filter(n__gt=0, scope__contains="wrong").exists()


def test_a_locked_user_gets_no_first_code(pat: Person) -> None:
    pat.opens("start")
    lock(pat)
    pat.picks("sms")
    assert pat.has_got() == 0
    assert not Verification.objects.exists()
    assert "too many" in pat.text


def test_a_locked_user_gets_no_second_code(pat: Person, no_cooldown: None) -> None:
    pat.opens("start").picks("sms")
    lock(pat)
    pat.posts(action="resend")
    assert pat.has_got() == 1


def test_a_right_code_of_a_locked_user_is_not_checked(pat: Person) -> None:
    pat.opens("start").picks("sms")
    lock(pat)
    pat.types_the_code()
    assert not pat.is_verified
    assert SandboxVerification.objects.get().checks == 0
    assert Verification.objects.get().attempts == 0


@pytest.mark.parametrize("device", [True, False])
def test_a_blocked_method_sends_nothing_from_an_open_page(pat: Person, device: bool) -> None:
    pat.opens("start")
    lockout.block_method(pat.user, "sms", PhoneNumber(PHONE).identity)
    pk = str(Device.objects.get().pk) if device else ""
    pat.posts("start", method="sms", device=pk)
    assert pat.has_got() == 0
    assert not Verification.objects.exists()
