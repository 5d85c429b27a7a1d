"""The errors of this package, and their codes in 0.32."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa import errors
from django_twilio_2fa.errors import ERRORS

# The codes of 0.32, with status and blocking if these were not 400 and False.
PLAIN = """
bad_user_data change_not_allowed email_not_set invalid_carrier_type invalid_phone_number
invalid_verification_code malformed_request max_attempts_reached max_sends_reached
method_not_allowed mobile_number_required phone_country_not_allowed phone_not_set
registration_not_allowed resend_cooldown twilio_error_{twilio_error}
twilio_invalid_parameter_{parameter} twilio_rate_limited unauthenticated_user_field_missing
unauthenticated_user_param_missing verification_expired
"""
OF_0_32: dict[str, tuple[int | None, bool]] = {
    **dict.fromkeys(PLAIN.split(), (None, False)),
    "missing_user_data": (404, False),
    "no_method_available": (None, True),
    "user_cannot_verify": (401, True),
    "user_not_allowed": (403, False),
    "user_not_found": (404, False),
    "user_required": (None, True),
    "user_unauthenticated": (401, False),
    "verification_not_found": (404, False),
}


@pytest.mark.parametrize("code", OF_0_32)
def test_every_error_code_of_0_32_exists(code: str) -> None:
    status, blocking = OF_0_32[code]
    assert status in (None, ERRORS[code].status)
    assert ERRORS[code].blocking is blocking


@pytest.mark.parametrize("code", ERRORS)
def test_each_error_has_a_sentence_and_a_status(code: str) -> None:
    error = ERRORS[code]()
    assert error.display
    assert 400 <= error.status < 600
    assert str(error) == error.full_code


def test_placeholders_of_an_error_are_filled() -> None:
    error = errors.TwilioUnavailable(twilio_error=20503)
    assert error.full_code == str(error) == "twilio_error_20503"
    assert "7 seconds" in errors.ResendCooldown(can_resend_in=7).display


@pytest.mark.parametrize("text", ["{", "{0}", "{a.b.c}", "{x!z}", "{missing} words"])
def test_stray_braces_in_a_sites_sentence_raise_no_error(settings: Any, text: str) -> None:
    settings.TWILIO_2FA_ERROR_DISPLAY = {"invalid_phone_number": text}
    assert isinstance(errors.InvalidPhoneNumber().display, str)


def test_each_code_is_declared_once() -> None:
    assert len({e.code for e in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("code", ERRORS)
def test_the_text_of_an_error_has_no_personal_data(code: str) -> None:
    error = ERRORS[code](to="+12025550143", email="sam@example.com", token="123456")
    for secret in ("2025550143", "sam@", "123456"):
        assert secret not in f"{error} {error!r} {error.display}"
