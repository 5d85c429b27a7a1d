"""Two tabs of one session, each with a verification of its own."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person
from ..providers.test_recovery import gets_codes


@pytest.fixture
def ann(demo: Person, settings: Any) -> Person:
    """Return a user with a phone and recovery codes, in a new session."""
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    demo.opens("start").picks("sms").registers().types_the_code()
    gets_codes(demo)
    return Person("demo")


def test_the_code_of_each_tab_is_read_by_its_method(ann: Person) -> None:
    ann.opens("start").picks("sms")
    first = Verification.objects.get(status="pending", method="sms")
    ann.opens("start").posts("start", method="recovery", device="")
    assert "Recovery code" in ann.text
    ann.posts("verify", token=messages.last_code(PHONE), verification=str(first.public_id))
    assert ann.is_verified


def test_a_wrong_code_in_one_tab_is_reported_for_its_method(ann: Person) -> None:
    ann.opens("start").picks("sms")
    first = Verification.objects.get(status="pending", method="sms")
    ann.opens("start").posts("start", method="recovery", device="")
    ann.posts("verify", token="1f3a-09be-77c2-d4e1", verification=str(first.public_id))
    assert "The code must be 6 numbers" in ann.text


def test_another_users_verification_is_ignored(ann: Person, sam: Person) -> None:
    sam.opens("start").picks("sms")
    theirs = Verification.objects.get(user=sam.user, status="pending")
    ann.opens("start").posts("start", method="recovery", device="")
    ann.posts("verify", token=messages.last_code(PHONE), verification=str(theirs.public_id))
    assert not ann.is_verified
    assert not sam.is_verified


class TestNames:
    """Names of devices, on pages and over the API. Recovery codes have none: a user has one set."""

    def test_recovery_codes_have_no_name_over_the_api(self, ann: Person) -> None:
        from ..api.test_api import Caller

        codes = Device.objects.get(kind="recovery")
        answer = Caller("demo").asks(f"devices/{codes.pk}", "patch", name="Mine")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "change_not_allowed")
        codes.refresh_from_db()
        assert codes.name == ""

    def test_a_phone_can_be_named_on_the_page_and_over_the_api(self, ann: Person) -> None:
        from ..api.test_api import Caller

        phone = Device.objects.get(kind="phone_number")
        caller = Caller("demo")
        caller.client = ann.client
        ann.opens("start").picks("sms").types_the_code()
        assert caller.asks(f"devices/{phone.pk}", "patch", name="Mine").status_code == 200
        ann.opens("devices")
        shown = {d["id"]: d["nameable"] for d in ann.page.context["devices"]}
        assert shown[str(phone.pk)]
        assert sorted(shown.values()) == [False, True]


class TestAProvidersData:
    """Data that a provider keeps with a verification, which does not affect this package's own data."""

    @pytest.mark.parametrize("key", ["name", "stranger", "extension"])
    def test_keys_in_the_data_of_a_provider_may_have_any_name(
        self, demo: Person, settings: Any, key: str
    ) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"sms": f"{__name__}.Meddling"}
        Meddling.key = key
        demo.opens("start").picks("sms").registers()
        row = Verification.objects.get()
        assert row.data == {key: "1"}
        assert (row.device_name, row.extension, row.is_unauthenticated) == ("", "", False)
        assert demo.types_the_code().is_verified
        device = Device.objects.get()
        assert (device.name, device.data) == ("", {})


def _meddling() -> Any:
    from dataclasses import replace

    from twilio_2fa_sms.provider import SMSProvider

    class Meddling(SMSProvider):
        key = "name"

        def start(self, verification: Any, *, request: Any = None) -> Any:
            return replace(super().start(verification, request=request), data={self.key: "1"})

    return Meddling


Meddling = _meddling()


class TestUnauthenticatedVerifier:
    """The verifier for a user who is only named, which reveals nothing about that user from Python."""

    def test_methods_are_the_same_for_every_name(self, sam: Person, pat: Person, settings: Any) -> None:
        from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier

        settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
        told = [UnauthenticatedVerifier(str(n)).methods() for n in (sam.user.pk, pat.user.pk, "nobody")]
        assert told[0] == told[1] == told[2]
        assert {m["value"] for m in told[0]} == {"sms", "call", "whatsapp", "email"}
        assert not any(m["obfuscated"] or m["devices"] for m in told[0])

    @pytest.mark.parametrize(
        "name",
        [
            "registered",
            "choices",
            "find_registered",
            "method_for",
            "registrable",
            "fresh_proof",
            "authorize_enrolment",
            "rename",
            "remove",
            "approve",
            "aapprove",
        ],
    )
    def test_the_verifier_for_named_users_has_no_other_methods(self, sam: Person, name: str) -> None:
        from django_twilio_2fa.process.unauthenticated import UnauthenticatedVerifier
        from django_twilio_2fa.verifier import Verifier

        assert not issubclass(UnauthenticatedVerifier, Verifier)
        assert not hasattr(UnauthenticatedVerifier(str(sam.user.pk)), name)
