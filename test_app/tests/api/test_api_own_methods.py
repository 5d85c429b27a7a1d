"""Manage devices over the API: names, the default, remaining recovery codes, browsers and activity."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from django_twilio_2fa.models import Device, TrustedBrowser
from django_twilio_2fa.sandbox import messages

from ..browsers.people import FIREFOX, trusts
from ..people import EMAIL, PHONE, Person
from .test_api import Caller, refused


def proven(username: str, *, token: bool = False) -> Caller:
    caller = Caller(username, token=token)
    caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
    return caller


def path_of(kind: str) -> str:
    return f"devices/{Device.objects.get(kind=kind).pk}"


@pytest.mark.parametrize("token", [False, True])
def test_the_default_is_set_and_offered_first(sam: Person, token: bool) -> None:
    caller = proven("sam", token=token)
    assert [d["is_default"] for d in caller.asks("devices", "get").json()] == [False, False]
    told = caller.asks(path_of("email"), "patch", is_default=True).json()
    assert (told["kind"], told["is_default"]) == ("email", True)
    assert [d["kind"] for d in caller.asks("devices", "get").json()] == ["email", "phone_number"]
    methods = caller.asks("verification-methods", "get").json()["verification_methods"]
    assert next(iter(methods)) == "email"


def test_name_and_default_can_be_set_in_one_request(sam: Person) -> None:
    told = proven("sam").asks(path_of("email"), "patch", is_default=True, name="Work").json()
    assert (told["name"], told["is_default"]) == ("Work", True)


def test_a_refused_name_leaves_the_default_unchanged(sam: Person) -> None:
    caller = proven("sam")
    answer = caller.asks(path_of("email"), "patch", is_default=True, name="Wo\u202erk")
    refused(answer, 400, "malformed_request")
    assert [d["is_default"] for d in caller.asks("devices", "get").json()] == [False, False]


def test_a_refused_default_leaves_the_name_unchanged(sam: Person) -> None:
    Device.objects.get(kind="email").delete()  # the only device cannot be the default
    caller = proven("sam")
    answer = caller.asks(path_of("phone_number"), "patch", is_default=True, name="Work")
    refused(answer, 400, "change_not_allowed")
    assert [d["name"] for d in caller.asks("devices", "get").json()] == [""]


@pytest.mark.parametrize("values", [{}, {"is_default": False}, {"is_default": "owl"}, {"name": "x" * 65}])
def test_an_empty_or_invalid_change_is_refused(sam: Person, values: Any) -> None:
    refused(proven("sam").asks(path_of("email"), "patch", **values), 400, "malformed_request")


def test_the_number_of_recovery_codes_left_is_listed(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
    caller = proven("sam")
    told = caller.asks("register", method="recovery").json()
    caller.verifies(told["verification_id"], "")
    other = Caller("sam")
    other.verifies(other.sends(method="recovery")["verification_id"], told["registration"]["codes"][0])
    assert {d["kind"]: d["left"] for d in caller.asks("devices", "get").json()} == {
        "phone_number": None,
        "email": None,
        "recovery": 9,
    }


def test_activity_names_the_browser(sam: Person) -> None:
    caller = Caller("sam")
    caller.client.defaults["HTTP_USER_AGENT"] = FIREFOX
    caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
    assert caller.asks("activity", "get").json()[0]["browser"] == "Firefox on Windows"


class TestEachChange:
    """Changes to devices and browsers: they need a fresh verification, and the owner gets an e-mail."""

    @pytest.fixture(autouse=True)
    def remembered(self, settings: Any, no_cooldown: None, sam: Person) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        sam.user.email = EMAIL
        sam.user.save()
        trusts(sam)

    CHANGES = {
        "name": ("patch", "device", {"name": "Work"}),
        "default": ("patch", "device", {"is_default": True}),
        "forget": ("delete", "browser", {}),
        "forget all": ("delete", "browsers", {}),
        "remove": ("delete", "device", {}),
    }

    def makes(self, caller: Caller, change: str) -> Any:
        verb, what, values = self.CHANGES[change]
        browser = TrustedBrowser.objects.get().pk
        path = {"device": path_of("email"), "browser": f"browsers/{browser}", "browsers": "browsers"}[what]
        return caller.asks(path, verb, **values)

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_change_needs_a_fresh_code(self, change: str, later: Any) -> None:
        caller = proven("sam")
        later(601)
        refused(self.makes(caller, change), 403, "proof_required")
        assert TrustedBrowser.objects.exists()
        assert Device.objects.filter(kind="email", name="", default_at=None).exists()

    @pytest.mark.parametrize("change", CHANGES)
    def test_the_owner_gets_an_email_after_a_change(self, change: str, mailoutbox: Any) -> None:
        caller = proven("sam")
        mailoutbox.clear()
        assert self.makes(caller, change).status_code == 200
        assert [mail.to for mail in mailoutbox] == [[EMAIL]]

    @pytest.mark.parametrize("token", [False, True])
    @pytest.mark.parametrize("begins", ["set-phone-number", "set-email", "register"])
    def test_adding_and_new_recovery_codes_need_a_fresh_code(
        self, begins: str, token: bool, settings: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
        values = {"phone_number": "+12025550147", "email": "sam@example.org", "method": "recovery"}
        name = {"set-phone-number": "phone_number", "set-email": "email", "register": "method"}[begins]
        asked = Caller("sam", token=token).asks(begins, **{name: values[name]})
        refused(asked, 403, "proof_required")
