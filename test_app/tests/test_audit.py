"""The audit log, and the signals that it is written from."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import SIGNALS
from django_twilio_2fa.testing import register_device

from .helpers import connected, heard
from .people import EMAIL, PHONE, Person

LOGGER = "django_twilio_2fa.audit"
OTHER = "+12025550144"


@pytest.fixture
def log(caplog: Any) -> Any:
    """Return the lines of the audit log so far, read as JSON."""
    caplog.set_level(logging.INFO, logger=LOGGER)

    def lines() -> list[dict[str, Any]]:
        return [json.loads(r.getMessage()) for r in caplog.records if r.name == LOGGER]

    return lines


def about(person: Person, event: str, **details: Any) -> dict[str, Any]:
    key = str(person.user.pk)
    return {"event": event, "user": key, "by": key, **details}


def test_a_first_registration_is_audited_as_added(demo: Person, log: Any) -> None:
    demo.opens("start").picks("sms").registers().types_the_code()
    device = str(Device.objects.get().pk)
    assert log() == [about(demo, "device_added", kind="phone_number", device=device, method="sms")]


def test_an_additional_device_is_audited_as_added(pat: Person, log: Any) -> None:
    pat.opens("start").picks("sms").types_the_code()
    pat.opens("/2fa/add/").picks("email").posts(email=EMAIL).types_the_code(EMAIL)
    device = str(Device.objects.get(kind="email").pk)
    assert log() == [about(pat, "device_added", kind="email", device=device, method="email")]


def test_a_changed_number_is_audited_as_changed_only(
    pat: Person, log: Any, no_cooldown: None, django_capture_on_commit_callbacks: Any
) -> None:
    pat.opens("start").picks("sms").types_the_code()
    old = Device.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        pat.opens(f"/2fa/change/{old.pk}/").picks("sms").registers("202 555 0144").types_the_code(OTHER)
    device = str(Device.objects.get().pk)
    assert log() == [about(pat, "device_changed", kind="phone_number", device=device, method="sms")]


def test_new_recovery_codes_are_audited_as_a_change(
    pat: Person, log: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    pat.opens("start").picks("sms").types_the_code()
    with django_capture_on_commit_callbacks(execute=True):
        pat.posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
        codes = Device.objects.get(kind="recovery")
        pat.opens(f"/2fa/change/{codes.pk}/").posts().posts(saved="on")
    assert [line["event"] for line in log()] == ["device_added", "device_changed"]


def test_a_removed_device_is_audited_with_its_id(
    sam: Person, log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    sam.opens("start").picks("sms").types_the_code()
    device = Device.objects.get(kind="email")
    with django_capture_on_commit_callbacks(execute=True):
        sam.posts(f"/2fa/remove/{device.pk}/")
    assert log() == [about(sam, "device_removed", kind="email", device=str(device.pk))]


def test_devices_deleted_with_their_user_are_audited(
    pat: Person, log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    device, user = str(Device.objects.get().pk), str(pat.user.pk)
    with django_capture_on_commit_callbacks(execute=True):
        pat.user.delete()
    line = {"event": "device_removed", "user": user, "by": None, "kind": "phone_number", "device": device}
    assert log() == [line]


@pytest.mark.django_db(transaction=True)
def test_a_removal_that_is_rolled_back_is_not_audited(log: Any) -> None:
    device = register_device(get_user_model().objects.create_user("ann"), PHONE)
    with transaction.atomic():
        device.delete()
        transaction.set_rollback(True)
    assert log() == []
    Device.objects.get().delete()
    assert [line["event"] for line in log()] == ["device_removed"]


def test_locks_and_unlocks_are_audited(pat: Person, log: Any, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
    pat.opens("start").picks("sms").types_a_wrong_code()
    call_command("twilio_2fa_unlock", "pat", stdout=StringIO())
    assert log()[0] == about(pat, "user_locked", until=None)
    assert log()[1] == {"event": "user_unlocked", "user": str(pat.user.pk), "by": None, "locks": 1}


def test_the_end_of_a_lock_is_audited_with_a_time_zone(pat: Person, log: Any, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "1/h"}
    pat.opens("start").picks("sms").types_a_wrong_code()
    [line] = log()
    assert line["until"].endswith("+00:00")


def test_the_audit_log_holds_no_personal_data(
    sam: Person, caplog: Any, log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    named = Device.objects.get(kind="email")
    named.name = "Work"
    named.save()
    sam.opens("start").picks("sms").types_the_code()
    with django_capture_on_commit_callbacks(execute=True):
        sam.opens("/2fa/add/").picks("email").posts(email="new@example.com").types_the_code("new@example.com")
        sam.posts(f"/2fa/remove/{named.pk}/")
    assert len(log()) == 2
    text = "\n".join(str(vars(r)) for r in caplog.records if r.name == LOGGER)
    for personal in (PHONE, "0143", "example", "XXX", "sam@", "'sam'", "Work", "127.0.0.1"):
        assert personal not in text


def test_a_user_key_that_is_text_is_audited_as_a_digest(log: Any) -> None:
    from django_twilio_2fa import audit

    class Named:
        pk = "sam@example.com"

    audit.record("device_added", user=Named(), request=None)
    [line] = log()
    assert line["user"]
    assert "sam" not in line["user"]


def test_a_silent_audit_logger_writes_nothing(demo: Person, caplog: Any) -> None:
    caplog.set_level(logging.WARNING, logger=LOGGER)
    demo.opens("start").picks("sms").registers().types_the_code()
    assert not [r for r in caplog.records if r.name == LOGGER]


def test_an_audited_event_also_sends_a_signal(demo: Person, log: Any) -> None:
    audited = [declared for declared in SIGNALS.values() if declared.audited]
    assert len(audited) >= 6
    with heard(SIGNALS["twilio_2fa_device_added"].signal) as told:
        demo.opens("start").picks("sms").registers().types_the_code()
    assert [(t["user"], t["method"]) for t in told] == [(demo.user, "sms")]


def test_an_event_is_audited_even_if_a_receiver_raises(demo: Person, log: Any) -> None:
    def receiver(**kwargs: Any) -> None:
        raise RuntimeError("a site's bug")

    with connected(SIGNALS["twilio_2fa_device_added"].signal, receiver):
        demo.opens("start").picks("sms").registers().types_the_code()
    assert [line["event"] for line in log()] == ["device_added"]


def test_a_value_that_the_site_stores_is_audited_by_kind(demo: Person, log: Any, settings: Any) -> None:
    kept: dict[Any, str] = {}
    settings.TWILIO_2FA_EMAIL_CB = lambda user: kept.get(user.pk)

    def store(user: Any, value: EmailAddress, **kwargs: Any) -> None:
        kept[user.pk] = str(value)

    with connected(SIGNALS["twilio_2fa_set_user_data"].signal, store):
        demo.opens("start").picks("email").posts(email=EMAIL).types(messages.last_code(EMAIL))
    assert log() == [about(demo, "device_added", kind="email", device="email", method="email")]
