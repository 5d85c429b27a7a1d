"""Times with and without `USE_TZ`: signals have aware datetimes, and pages show local time."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.utils import dateformat, timezone

from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.session import is_verified
from django_twilio_2fa.signals import twilio_2fa_user_locked, twilio_2fa_verification_sent
from django_twilio_2fa.testing import TwilioSandbox, verify
from django_twilio_2fa.testing.site import move_counts

from .helpers import connected, heard
from .people import Person

# A zone that differs from UTC by a fraction of an hour, without daylight saving.
ZONE = "Asia/Kathmandu"
AHEAD = timedelta(hours=5, minutes=45)


@pytest.fixture(params=[True, False], ids=["USE_TZ", "no USE_TZ"], autouse=True)
def use_tz(request: Any, settings: Any) -> bool:
    settings.TIME_ZONE = ZONE
    settings.USE_TZ = request.param
    return bool(request.param)


def utc_now() -> datetime:
    return datetime.now(zones.utc)


def in_nepal(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None) + AHEAD


def is_about_now(moment: datetime) -> bool:
    """Return whether an aware datetime is about now. Raise TypeError for a naive one."""
    return abs(utc_now() - moment) < timedelta(seconds=30)


def test_a_registered_phone_verifies_with_and_without_use_tz(pat: Person) -> None:
    pat.opens("start").picks("sms")
    row = Verification.objects.get()
    left = row.expires_at - timezone.now()
    assert timedelta(minutes=9) < left <= timedelta(minutes=10, seconds=1)
    assert abs(row.created_at - timezone.now()) < timedelta(seconds=30)
    pat.types_the_code()
    assert pat.is_verified
    assert pat.opens("/secret/").page.status_code == 200


def test_an_unnamed_authenticator_is_shown_with_a_local_time(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["totp"]
    demo.opens("start").picks("totp").posts(name="")
    sandbox = TwilioSandbox()
    demo.types(sandbox.authenticator_code(demo.page.context["secret"]))
    assert demo.page.status_code == 200
    assert demo.is_at("success")
    registered = Device.objects.get().registered_at
    local = in_nepal(utc_now())
    assert f"Added {local:%m/%d/%Y}" in demo.opens("devices").text
    assert abs(registered - timezone.now()) < timedelta(seconds=30)


def test_recovery_codes_are_dated_by_the_local_day(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    pat.opens("start").picks("sms").types_the_code()
    pat.opens("/2fa/add/").picks("recovery").posts()
    local = in_nepal(utc_now())
    assert f" {local.day}, {local.year}." in pat.page.context["codes_title"]


def test_signals_have_aware_datetimes(pat: Person) -> None:
    with heard(twilio_2fa_verification_sent) as told:
        pat.opens("start").picks("sms")
    assert is_about_now(told[0]["start_timestamp"])
    assert is_about_now(told[0]["last_timestamp"])


def test_email_and_signal_have_the_right_end_of_a_lock(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "1/h"}
    pat.user.email = "pat@example.com"
    pat.user.save()
    with heard(twilio_2fa_user_locked) as told:
        pat.opens("start").picks("sms").types_a_wrong_code()
    assert timedelta(minutes=59) < told[0]["until"] - utc_now() <= timedelta(minutes=61)
    local = in_nepal(told[0]["until"])
    assert dateformat.format(local, "N j, Y, P") in mail.outbox[0].body


def test_a_user_is_locked_again_once_a_lock_has_ended(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "2/h"}
    until: list[datetime] = []

    def receiver(**kwargs: Any) -> None:
        until.append(kwargs["until"])

    with connected(twilio_2fa_user_locked, receiver):
        pat.opens("start").picks("sms").types_a_wrong_code().types_a_wrong_code()
        assert len(until) == 1
        move_counts(3700)
        pat.opens("start").picks("sms").types_a_wrong_code()
        assert len(until) == 1
        pat.types_a_wrong_code()
    assert len(until) == 2


def test_the_age_of_a_verification_is_right(pat: Person) -> None:
    verify(pat.client, ago=200)
    request = pat.client.get("/").wsgi_request
    assert is_verified(request, max_age=220)
    assert not is_verified(request, max_age=180)


def test_a_session_survives_a_change_of_use_tz(pat: Person, settings: Any) -> None:
    verify(pat.client, ago=200)
    settings.USE_TZ = not settings.USE_TZ
    request = pat.client.get("/").wsgi_request
    assert is_verified(request, max_age=220)


def test_a_naive_time_in_a_session_of_an_earlier_release_counts(pat: Person) -> None:
    # Earlier releases wrote the time as it was stored.
    verify(pat.client)
    session = pat.client.session
    naive = in_nepal(utc_now() - timedelta(seconds=200)).isoformat()
    session["twilio_2fa"] = {**session["twilio_2fa"]}
    session["twilio_2fa"]["verified"] = {**session["twilio_2fa"]["verified"], "at": naive}
    session.save()
    assert is_verified(pat.client.get("/").wsgi_request, max_age=220)


def test_prune_counts_days_from_now(pat: Person) -> None:
    now = int(utc_now().timestamp())
    for hours in (-1, 1):
        Counter.objects.create(scope="x", key=str(hours), window=now - 60 * 86400 - hours * 3600)
    call_command("twilio_2fa_prune", "--days", "60", verbosity=0)
    assert list(Counter.objects.values_list("key", flat=True)) == ["-1"]


def test_the_sandbox_has_aware_datetimes(pat: Person) -> None:
    pat.opens("start").picks("sms")
    assert is_about_now(datetime.fromisoformat(messages.last()["sent_at"]))


def test_the_admin_shows_times_with_and_without_use_tz(pat: Person, admin_client: Any, use_tz: bool) -> None:
    if use_tz and not connection.features.has_zoneinfo_database:
        pytest.skip("MariaDB has no time zones until mysql_tzinfo_to_sql has loaded them")
    pat.opens("start").picks("sms").types_the_code()
    for model in ("verification", "device"):
        assert admin_client.get(f"/admin/twilio_2fa/{model}/").status_code == 200
