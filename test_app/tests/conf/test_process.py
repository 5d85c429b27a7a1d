"""Settings of code length, expiration, cooldown, limits and keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from django_twilio_2fa.models import Device
from django_twilio_2fa.process import reservations
from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person
from .shows import shows


@pytest.fixture
def asked(pat: Person) -> Person:
    """Return a user on the verify page, with a code sent by text message."""
    return pat.opens("start").picks("sms")


@shows("TOKEN_LENGTH")
@pytest.mark.parametrize("length", [4, 8])
def test_a_code_has_token_length_digits(pat: Person, settings: Any, length: int) -> None:
    settings.TWILIO_2FA_TOKEN_LENGTH = length
    pat.opens("start").picks("sms")
    assert len(messages.last_code(PHONE)) == length
    assert f"The code must be {length} numbers" in pat.types("123456").text
    assert pat.types_the_code().is_verified


@shows("VERIFICATION_EXPIRATION")
class TestExpiration:
    @pytest.mark.parametrize("minute", [1, 1.0, timedelta(seconds=60)])
    def test_a_code_is_valid_until_its_expiration(
        self, pat: Person, settings: Any, later: Any, minute: Any
    ) -> None:
        settings.TWILIO_2FA_VERIFICATION_EXPIRATION = minute
        pat.opens("start").picks("sms")
        later(61)
        pat.types_the_code()
        assert not pat.is_verified
        assert "This code has expired or has been used." in pat.text

    def test_a_verification_expires_after_ten_minutes_by_default(self, asked: Person, later: Any) -> None:
        later(590)
        assert asked.types_the_code().is_verified


@shows("SEND_COOLDOWN")
class TestCooldown:
    def waits(self, person: Person, later: Any, times: int) -> list[int]:
        """Send several codes. Return the seconds to wait after each send."""
        found = []
        for n in range(times):
            person.opens("start").picks("sms") if n == 0 else person.posts("verify", action="resend")
            assert person.has_got() == n + 1
            found.append(person.page.context["can_resend_in"])
            later(found[-1])
        return found

    @pytest.mark.parametrize(
        ("cooldown", "waits"),
        [
            (5, [5, 5, 5]),
            ([10, 20], [10, 20, 20]),
            ((30, 40, 60, 90, 120), [30, 40, 60]),
            (0, [0, 0]),
            (timedelta(seconds=7), [7, 7]),
        ],
    )
    def test_a_resend_waits_for_send_cooldown(
        self, pat: Person, settings: Any, later: Any, cooldown: Any, waits: list[int]
    ) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = cooldown
        assert self.waits(pat, later, len(waits)) == pytest.approx(waits, abs=1)

    def test_an_early_resend_is_refused_with_the_waiting_time(self, asked: Person, settings: Any) -> None:
        asked.posts("verify", action="resend")
        assert "You can ask for another code" in asked.text
        assert asked.has_got() == 1


@shows("MAX_SENDS")
def test_no_more_codes_than_max_sends_are_sent(pat: Person, settings: Any, later: Any) -> None:
    settings.TWILIO_2FA_MAX_SENDS = 2
    pat.opens("start").picks("sms")
    assert "Send the code again" in pat.text
    later(31)
    pat.posts("verify", action="resend")
    assert "Send the code again" not in pat.text
    later(41)
    pat.posts("verify", action="resend")
    assert "We cannot send any more codes for now." in pat.text
    assert pat.has_got() == 2
    assert pat.types_the_code().is_verified


@shows("MAX_ATTEMPTS")
def test_no_more_codes_than_max_attempts_are_tried(asked: Person, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ATTEMPTS = 2
    assert "You can try 1 more time." in asked.types_a_wrong_code().text
    assert asked.types_a_wrong_code().is_at("failed")
    assert "You entered the wrong code too many times." in asked.text


@shows("CANCEL_ON_MAX_RETRIES")
@pytest.mark.parametrize("cancel", [True, False])
def test_a_verification_that_is_used_up_is_canceled_at_twilio(
    no_cooldown: None, asked: Person, settings: Any, cancel: bool
) -> None:
    settings.TWILIO_2FA_CANCEL_ON_MAX_RETRIES = cancel
    settings.TWILIO_2FA_MAX_ATTEMPTS = 1
    settings.TWILIO_2FA_TOKEN_LENGTH = 10  # so that a new code is hardly ever the old one by chance
    asked.posts("verify", action="cancel").opens("start").picks("sms")
    used_up = messages.last_code(PHONE)
    asked.types_a_wrong_code()
    assert reservations.unlock(asked.user) == 1
    assert asked.opens("start").picks("sms").is_at("verify")
    assert (messages.last_code(PHONE) != used_up) is cancel


@shows("SECRET_KEY", "SECRET_KEY_FALLBACKS")
class TestKeys:
    """Rotation of a key. Stored values stay valid only if the old key is a fallback."""

    @pytest.fixture(params=["own", "django"])
    def rotate(self, request: Any, settings: Any) -> Any:
        """Return a function that rotates `TWILIO_2FA_SECRET_KEY`, or `SECRET_KEY` if that is not set."""
        prefix = "TWILIO_2FA_" if request.param == "own" else ""
        if prefix:
            settings.TWILIO_2FA_SECRET_KEY = "the first key"
        first = getattr(settings, f"{prefix}SECRET_KEY")

        def rotated(*, keep: bool) -> None:
            setattr(settings, f"{prefix}SECRET_KEY", "the second key")
            setattr(settings, f"{prefix}SECRET_KEY_FALLBACKS", [first] if keep else [])

        return rotated

    def test_a_verified_session_survives_a_changed_key(self, pat: Person, rotate: Any) -> None:
        pat.opens("/secret/").picks("sms").types_the_code()
        rotate(keep=True)
        assert pat.is_verified
        assert pat.opens("/secret/").path == "/secret/"

    def test_a_lock_survives_a_changed_secret_key(self, pat: Person, settings: Any, rotate: Any) -> None:
        settings.TWILIO_2FA_MAX_ATTEMPTS = 1
        pat.opens("start").picks("sms").types_a_wrong_code()
        rotate(keep=True)
        pat.opens("start").picks("sms")
        assert "You entered the wrong code too many times." in pat.text
        assert pat.has_got() == 1

    def test_a_code_sent_before_a_changed_key_still_works(self, pat: Person, rotate: Any) -> None:
        pat.opens("start").picks("sms")
        rotate(keep=True)
        assert pat.opens("start").picks("sms").types_the_code().is_verified
        assert pat.has_got() == 1

    def test_a_number_is_not_registered_twice_after_a_changed_key(self, rotate: Any, sam: Person) -> None:
        rotate(keep=True)
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("/2fa/add/").picks("call").registers().types_the_code()
        assert Device.objects.filter(kind="phone_number").count() == 1


@shows("SECRET_KEY", "SECRET_KEY_FALLBACKS")
def test_without_a_fallback_a_changed_key_ends_verifications(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_SECRET_KEY = "the first key"
    pat.opens("/secret/").picks("sms").types_the_code()
    settings.TWILIO_2FA_SECRET_KEY = "the second key"
    assert not pat.is_verified
    assert pat.opens("/secret/").is_at("start")
    settings.TWILIO_2FA_SECRET_KEY_FALLBACKS = ("another key", "the first key")
    assert pat.is_verified
