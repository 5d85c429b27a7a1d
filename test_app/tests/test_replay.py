"""What is good once: for whoever comes first, and for a time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection  # noqa: F401 - for skipif

from django_twilio_2fa.models import Counter
from django_twilio_2fa.replay import use_once
from django_twilio_2fa.testing.site import move_counts

from .test_races import at_once


@pytest.mark.django_db
def test_once_and_again_when_its_time_is_over() -> None:
    while time.time() % 60 > 55:
        time.sleep(1)  # a minute that ends meanwhile would begin another step
    assert use_once("totp", "YF1", "123456", seconds=60)
    assert not use_once("totp", "YF1", "123456", seconds=60)
    assert use_once("totp", "YF2", "123456", seconds=60)
    move_counts(61)
    assert not use_once("totp", "YF1", "123456", seconds=60)
    move_counts(60)
    assert use_once("totp", "YF1", "123456", seconds=60)
    assert "123456" not in str(list(Counter.objects.values()))


@pytest.mark.django_db
def test_a_changed_key_does_not_make_it_new(settings: Any) -> None:
    settings.TWILIO_2FA_SECRET_KEY = "an earlier key"
    assert use_once("it", seconds=60)
    settings.TWILIO_2FA_SECRET_KEY = "a later key"
    settings.TWILIO_2FA_SECRET_KEY_FALLBACKS = ["an earlier key"]
    assert not use_once("it", seconds=60)


@pytest.mark.server_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="needs a database server: set DATABASE_URL")
def test_of_several_at_once_one_is_told_so() -> None:
    for n in range(5):
        assert sum(at_once(lambda i, n=n: use_once("it", n, seconds=60), 12)) == 1
