"""Values that can be used only once within a given time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from django_twilio_2fa.models import Counter
from django_twilio_2fa.providers.replay import use_once
from django_twilio_2fa.testing.site import move_counts

from .helpers import at_once


@pytest.mark.django_db
def test_a_value_can_be_used_again_after_its_time() -> None:
    while time.time() % 60 > 55:
        time.sleep(1)  # if the minute ended during the test, another step would begin
    assert use_once("totp", "YF1", "123456", seconds=60)
    assert not use_once("totp", "YF1", "123456", seconds=60)
    assert use_once("totp", "YF2", "123456", seconds=60)
    move_counts(61)
    assert not use_once("totp", "YF1", "123456", seconds=60)
    move_counts(60)
    assert use_once("totp", "YF1", "123456", seconds=60)
    assert "123456" not in str(list(Counter.objects.values()))


@pytest.mark.django_db
def test_a_used_value_stays_used_after_a_changed_key(settings: Any) -> None:
    settings.TWILIO_2FA_SECRET_KEY = "an earlier key"
    assert use_once("it", seconds=60)
    settings.TWILIO_2FA_SECRET_KEY = "a later key"
    settings.TWILIO_2FA_SECRET_KEY_FALLBACKS = ["an earlier key"]
    assert not use_once("it", seconds=60)


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
def test_one_of_several_concurrent_uses_succeeds() -> None:
    for n in range(5):
        assert sum(at_once(lambda i, n=n: use_once("it", n, seconds=60), 12)) == 1
