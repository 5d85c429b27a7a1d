"""Signals: when each is sent, and its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.signals import SIGNALS

from .people import PHONE, Person

SignalRecorder = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[SignalRecorder]:
    """Return a list of all signals that are sent, in order, each with its arguments."""
    heard: SignalRecorder = []
    receivers = []
    for name, declared in SIGNALS.items():

        def receiver(name: str = name, **kwargs: Any) -> None:
            heard.append(
                (
                    name.removeprefix("twilio_2fa_"),
                    {k: v for k, v in kwargs.items() if k not in ("signal", "sender")},
                )
            )

        declared.signal.connect(receiver)
        receivers.append((declared.signal, receiver))
    yield heard
    for signal, receiver in receivers:
        signal.disconnect(receiver)
    for name, arguments in heard:
        assert set(arguments) == {"request", "user", *SIGNALS[f"twilio_2fa_{name}"].arguments}


def names(told: SignalRecorder) -> list[str]:
    return [name for name, _arguments in told]


def test_a_registration_sends_each_signal(demo: Person, told: SignalRecorder) -> None:
    demo.opens("start").picks("sms").registers()
    demo.types_a_wrong_code()
    assert not Device.objects.exists()
    assert names(told) == ["verification_sent", "verification_failed"]
    demo.types_the_code()
    assert names(told)[2:] == [
        "verification_status_changed",
        "set_user_data",
        "device_added",
        "verification_success",
    ]
    sid = messages.delivered(PHONE)[0]["verification_sid"]
    by_name = dict(told)
    assert {a["verification_sid"] for _n, a in told if "verification_sid" in a} == {sid}
    assert by_name["verification_sent"]["method"] == by_name["verification_success"]["method"] == "sms"
    assert by_name["verification_sent"]["start_timestamp"] <= by_name["verification_sent"]["last_timestamp"]
    assert by_name["verification_status_changed"]["status"] == "approved"
    assert (by_name["set_user_data"]["field"], str(by_name["set_user_data"]["value"])) == (
        "phone_number",
        PHONE,
    )
    assert all(a["user"] == demo.user and a["request"].path.startswith("/2fa/") for _n, a in told)


def test_verification_success_is_sent_once(pat: Person, told: SignalRecorder) -> None:
    pat.opens("start").picks("sms").types_the_code()
    pat.posts("verify", token=messages.last_code(PHONE))
    assert names(told).count("verification_success") == 1


def test_status_changed_has_the_status_of_an_ended_verification(
    pat: Person, told: SignalRecorder, later: Any
) -> None:
    pat.opens("start").picks("sms").posts("verify", action="cancel")
    later(40)
    pat.opens("start").picks("sms")
    for _ in range(5):
        pat.types_a_wrong_code()
    later(601)
    pat.opens("start").picks("sms")
    later(601)
    pat.opens("verify")
    statuses = [a["status"] for n, a in told if n == "verification_status_changed"]
    assert statuses == ["canceled", "failed", "expired"]


def test_twilio_error_is_sent_for_an_error_of_twilio(db: None, told: SignalRecorder) -> None:
    from django.contrib.auth import get_user_model

    from django_twilio_2fa.contacts import PhoneNumber

    user = get_user_model().objects.create_user("eve")
    Device.objects.register(user, PhoneNumber("+12025550160"))
    Person("eve").opens("start").picks("sms")
    ((name, arguments),) = told
    assert (name, arguments["exc"].code) == ("twilio_error", 20503)


def test_a_receiver_that_raises_stops_nothing(demo: Person, caplog: Any) -> None:
    def receiver(**kwargs: Any) -> None:
        raise RuntimeError("a site's bug")

    for declared in SIGNALS.values():
        declared.signal.connect(receiver)
    try:
        demo.opens("/secret/").picks("sms").registers().types_a_wrong_code().types_the_code()
    finally:
        for declared in SIGNALS.values():
            declared.signal.disconnect(receiver)
    assert demo.path == "/secret/"
    assert Verification.objects.get().attempts == 2
    assert "a site's bug" in caplog.text
