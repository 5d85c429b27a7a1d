"""Threat: a response reveals whether a user, number, device or verification of another user exists."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device, Verification

from ..people import EMAIL, PHONE, Person
from .scene import NO_SEND_LIMITS, made, newest, shown


@pytest.fixture
def eve(db: None) -> Person:
    return made("eve", "+12025550149")


def test_another_users_verification_id_is_like_an_unknown_id(sam: Person, eve: Person) -> None:
    sam.opens("start").picks("sms")
    theirs = str(newest(sam).public_id)
    ids = (theirs, str(uuid4()), "0" * 32, "x")
    for action in ("resend", "cancel", ""):
        told = []
        for id in ids[:3]:
            eve.opens("start")
            eve.posts("verify", action=action, verification=id, token="123456")
            told.append(shown(eve.page))
        assert told[0] == told[1] == told[2]


def test_another_users_device_id_is_like_an_unknown_id(sam: Person, eve: Person) -> None:
    theirs = str(Device.objects.filter(user=sam.user).first().pk)
    eve.opens("start").picks("sms").types_the_code("+12025550149")
    for step in ("", "start/", "register/", "verify/", "success/", "failed/"):
        for verb in ("get", "post"):
            told = []
            for id in (theirs, str(uuid4())):
                eve.page = getattr(eve.client, verb)(
                    f"/2fa/change/{id}/{step}", {"method": "sms"}, follow=True
                )
                told.append(shown(eve.page))
            assert told[0] == told[1]
    told = []
    for ask in (
        lambda id: eve.posts("devices", action="remove", device=id),
        *(lambda id, verb=verb: verb(f"/2fa/remove/{id}/") for verb in (eve.opens, eve.posts)),
    ):
        one, other = (shown(ask(id).page) for id in (theirs, str(uuid4())))
        assert one == other
    for id in (theirs, str(uuid4())):
        eve.posts("start", method="sms", device=id)
        told.append(shown(eve.page))
    assert told[0] == told[1]


def test_anonymous_callers_do_not_learn_the_state_of_a_device(sam: Person) -> None:
    theirs = str(Device.objects.first().pk)
    for step in ("", "start/", "verify/"):
        answers = [Client().get(f"/2fa/change/{id}/{step}") for id in (theirs, str(uuid4()))]
        assert answers[0].status_code == answers[1].status_code == 302
        assert answers[0]["Location"].replace(theirs, "") == answers[1]["Location"][:0] + (
            answers[1]["Location"].replace(answers[1].request["PATH_INFO"].split("/")[3], "")
        )


@pytest.mark.parametrize("state", ["idle", "proving", "verified", "locked", "enrolling", "failed"])
@pytest.mark.parametrize(
    ("method", "mine", "nobodys"), [("sms", PHONE, "+12025550141"), ("email", EMAIL, "tom@example.com")]
)
def test_registering_a_taken_number_is_answered_like_a_free_one(
    sam: Person, settings: Any, state: str, method: str, mine: str, nobodys: str
) -> None:
    # `state` is what the owner does meanwhile. With a service for registrations, Twilio does not reveal it.
    settings.TWILIO_2FA_LIMITS = {**NO_SEND_LIMITS, "wrong_tokens_in_a_row": 5}
    settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = "VA" + "7" * 32
    if state != "idle":
        sam.opens("start").picks(method)
    if state == "verified":
        sam.types_the_code(mine)
    if state in ("locked", "failed"):
        for _ in range(5 if state == "locked" else 4):
            sam.types_a_wrong_code(mine)
    if state == "enrolling":
        get_user_model().objects.create_user("tom")
        tom = Person("tom").opens("start").picks(method)
        tom.posts("register", country_code="US", phone_number=mine, email=mine)
    told = []
    for n, value in enumerate((mine, nobodys)):
        attacker = made(f"attacker{n}").opens("start").picks(method)
        pages = [shown(attacker.page)]
        number = {"country_code": "US", "phone_number": value, "email": value}
        attacker.posts("register", **number)
        pages.append(shown(attacker.page))
        for data in ({"token": "000000"}, {"action": "resend"}, {"token": "1"}, {"action": "cancel"}):
            attacker.posts("verify", **data)
            pages.append(shown(attacker.page))
        hidden = Verification.objects.filter(user=attacker.user).latest("pk").masked
        # The page shows the user name, the mask or its last digits, and the entered value.
        entered = value if method == "email" else PhoneNumber(value).international_format
        own = (
            (entered, "ENTERED"),
            (attacker.user.username, "NAME"),
            (hidden, "MASK"),
            (f"ending {hidden[-4:]}", "MASK"),
        )
        for old, new in own:
            pages = [(status, path, html.replace(old, new)) for status, path, html in pages]
        told.append(pages)
    assert told[0] == told[1]


def test_anonymous_callers_cannot_spot_a_user_without_devices(sam: Person, demo: Person) -> None:
    for path in ("/2fa/", "/2fa/start/", "/2fa/devices/", "/2fa/change/", "/2fa/add/"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")


def test_error_pages_reveal_no_number_method_or_traceback(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["whatsapp"]
    Device.objects.filter(kind="phone_number").update(line_type="landline")
    sam.opens("start")
    text = sam.page.content.decode()
    for secret in (PHONE, EMAIL, "0143", "whatsapp", "landline", "Traceback"):
        assert secret not in text
