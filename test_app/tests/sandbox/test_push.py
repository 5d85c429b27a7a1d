"""Push factors and challenges. The sandbox accepts only the device's own signature, and only once."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ..clock import pass_time
from .asking import IDENTITY, Answer, created, delete, get, post
from .push_device import PushDevice
from .push_scene import ENTITY, Asked, verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> PushDevice:
    return PushDevice()


@pytest.fixture
def factor(device: PushDevice) -> dict[str, Any]:
    return verified(device)


class TestFactor:
    def test_a_device_verifies_a_factor_with_its_signature(self, device: PushDevice) -> None:
        factor = created(f"{ENTITY}/Factors", device.parameters)
        assert (factor["status"], factor["factor_type"]) == ("unverified", "push")
        assert factor["binding"] == {"alg": "ES256", "public_key": device.public_key}
        assert factor["config"]["credential_sid"].startswith("CR")
        path = f"{ENTITY}/Factors/{factor['sid']}"
        assert post(path, {"AuthPayload": device.signs(factor["sid"])})["status"] == "verified"
        assert get(path)["status"] == "verified"

    @pytest.mark.parametrize("wrong", ["another key", "another factor", "no base64", "no signature"])
    def test_a_wrong_signature_is_refused(self, device: PushDevice, wrong: str) -> None:
        factor, other = (created(f"{ENTITY}/Factors", device.parameters) for _ in range(2))
        payload = {
            "another key": PushDevice().signs(factor["sid"]),
            "another factor": device.signs(other["sid"]),
            "no base64": "%%%",
            "no signature": "c2lnbmVk",
        }[wrong]
        path = f"{ENTITY}/Factors/{factor['sid']}"
        assert post(path, {"AuthPayload": payload}).code == 60311
        assert get(path)["status"] == "unverified"

    def test_the_error_names_a_missing_extra(self, device: PushDevice, monkeypatch: Any) -> None:
        monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
        answer = post(f"{ENTITY}/Factors", device.parameters)
        assert (answer.code, answer.status) == (60306, 400)
        assert 'pip install "django-twilio-2fa[sandbox]"' in answer["message"]

    def test_wrong_signatures_are_counted(self, device: PushDevice) -> None:
        factor = created(f"{ENTITY}/Factors", device.parameters)
        path = f"{ENTITY}/Factors/{factor['sid']}"
        for _ in range(5):
            assert post(path, {"AuthPayload": "c2lnbmVk"}).code == 60311
        assert post(path, {"AuthPayload": device.signs(factor["sid"])}).code == 60310

    @pytest.mark.parametrize(
        "changed",
        [
            {"Binding.PublicKey": "AAAA"},
            {"Binding.PublicKey": "ä"},
            {"Binding.PublicKey": PushDevice(ec.SECP384R1).public_key},
            {"Binding.PublicKey": ""},
            {"Binding.Alg": "RS256"},
            {"Config.AppId": "a" * 101},
            {"Config.NotificationPlatform": "pigeon"},
            {"Config.NotificationPlatform": "fcm"},
            {"FactorType": "pigeon"},
            {"FriendlyName": "a" * 65},
            {"Metadata": "[]"},
        ],
    )
    def test_invalid_parameters_of_a_device_are_refused(
        self, device: PushDevice, changed: dict[str, str]
    ) -> None:
        assert post(f"{ENTITY}/Factors", {**device.parameters, **changed}).code == 60200

    def test_the_name_and_token_of_a_device_can_be_changed(
        self, device: PushDevice, factor: dict[str, Any]
    ) -> None:
        path = f"{ENTITY}/Factors/{factor['sid']}"
        token = {"Config.NotificationPlatform": "apn", "Config.NotificationToken": "t" * 32}
        changed = post(path, {"FriendlyName": "Tablet", **token})
        assert (changed["friendly_name"], changed["config"]["notification_token"]) == ("Tablet", "t" * 32)
        assert changed["config"]["credential_sid"] == factor["config"]["credential_sid"]


class TestChallenge:
    @pytest.mark.parametrize("status", ["approved", "denied"])
    def test_the_device_answers_a_challenge(
        self, device: PushDevice, factor: dict[str, Any], status: str
    ) -> None:
        asked = Asked(factor, **{"Details.Fields": '{"label": "Place", "value": "Rome"}'})
        assert asked.body["details"]["fields"] == [{"label": "Place", "value": "Rome"}]
        answer = asked.answer(device.answers(asked.body, asked.fields, status))
        assert (answer["status"], answer["date_responded"] is None) == (status, False)

    @pytest.mark.parametrize(
        "wrong",
        [
            "another key",
            "another challenge",
            "altered details",
            "a field less",
            "a status of its own",
            "text",
        ],
    )
    def test_a_wrong_answer_is_refused(self, device: PushDevice, factor: dict[str, Any], wrong: str) -> None:
        asked, other = Asked(factor), Asked(factor)
        fields = asked.fields
        payload = {
            "another key": PushDevice().answers(asked.body, fields, "approved"),
            "another challenge": device.answers(other.body, fields, "approved"),
            "altered details": device.answers(asked.body, fields, "approved", details={"message": "Pay?"}),
            "a field less": device.answers(asked.body, fields.rpartition(",")[0], "approved"),
            "a status of its own": device.answers(asked.body, fields, "expired"),
            "text": "approved",
        }[wrong]
        assert asked.answer(payload).code == 60324
        assert asked.status == "pending"

    def test_an_answer_of_another_factor_is_refused(self, device: PushDevice, factor: dict[str, Any]) -> None:
        tablet = PushDevice()
        asked = Asked(factor)
        verified(tablet)
        assert asked.answer(tablet.answers(asked.body, asked.fields, "approved")).code == 60324

    def test_an_unsigned_token_is_refused(self, device: PushDevice, factor: dict[str, Any]) -> None:
        import jwt

        asked = Asked(factor)
        signed = {name: asked.body[name] for name in asked.fields.split(",")}
        for key, algorithm in (("", "none"), (device.public_key, "HS256")):
            payload = jwt.encode({**signed, "status": "approved"}, key, algorithm=algorithm)
            assert asked.answer(payload).code == 60324

    def test_a_challenge_is_answered_once(self, device: PushDevice, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        denied = device.answers(asked.body, asked.fields, "denied")
        approved = device.answers(asked.body, asked.fields, "approved")
        assert asked.answer(denied)["status"] == "denied"
        assert asked.answer(denied).code == 60322
        assert asked.answer(approved).code == 60322
        assert asked.status == "denied"

    def test_wrong_answers_are_counted(self, device: PushDevice, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        for _ in range(5):
            assert asked.answer("x").code == 60324
        assert asked.answer(device.answers(asked.body, asked.fields, "approved")).code == 60308
        again = Asked(factor)
        assert again.answer(device.answers(again.body, again.fields, "approved"))["status"] == "approved"

    def test_a_push_challenge_expires(self, device: PushDevice, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        payload = device.answers(asked.body, asked.fields, "approved")
        pass_time(301)
        assert asked.answer(payload).code == 60323
        assert asked.status == "expired"

    def test_an_expiration_is_within_the_hour(self, factor: dict[str, Any]) -> None:
        def asked(minutes: float) -> Answer:
            then = datetime.now(timezone.utc) + timedelta(minutes=minutes)
            values = {"FactorSid": factor["sid"], "Details.Message": "x", "ExpirationDate": f"{then:%FT%TZ}"}
            return post(f"{ENTITY}/Challenges", values)

        assert asked(59).status == 201
        assert asked(62).code == asked(-1).code == 60200

    @pytest.mark.parametrize(
        "details",
        [
            {"Details.Message": ""},
            {"Details.Message": "a" * 257},
            {"Details.Fields": "text"},
            {"Details.Fields": '{"label": "x"}'},
            {"Details.Fields": '["label", "value"]'},
            {"Details.Fields": ['{"label": "a", "value": "b"}'] * 21},
            {"HiddenDetails": '{"ip": 1}'},
            {"HiddenDetails": "1"},
            {"ExpirationDate": "tomorrow"},
        ],
    )
    def test_details_that_do_not_fit_are_refused(
        self, factor: dict[str, Any], details: dict[str, Any]
    ) -> None:
        values = {"FactorSid": factor["sid"], "Details.Message": "Sign in?", **details}
        assert post(f"{ENTITY}/Challenges", values).code == 60200

    def test_an_unverified_factor_has_no_challenge(self, device: PushDevice) -> None:
        factor = created(f"{ENTITY}/Factors", device.parameters)
        values = {"FactorSid": factor["sid"], "Details.Message": "Sign in?"}
        assert post(f"{ENTITY}/Challenges", values).code == 60318

    def test_lists_are_filtered_and_ordered(self, device: PushDevice, factor: dict[str, Any]) -> None:
        first, second = Asked(factor), Asked(factor)
        second.answer(device.answers(second.body, second.fields, "denied"))

        def sids(**filters: str) -> list[str]:
            return [c["sid"] for c in get(f"{ENTITY}/Challenges", **filters)["challenges"]]

        assert sids() == [first.body["sid"], second.body["sid"]]
        assert sids(Order="desc") == sids()[::-1]
        assert sids(Status="denied") == [second.body["sid"]]
        assert sids(FactorSid="YF" + "0" * 32) == []
        pass_time(301)
        assert sids(Status="expired") == [first.body["sid"]]

    def test_a_notification_is_for_a_pending_challenge(
        self, device: PushDevice, factor: dict[str, Any]
    ) -> None:
        asked = Asked(factor)
        assert created(f"{asked.path}/Notifications")["ttl"] == 300
        assert post(f"{asked.path}/Notifications", {"Ttl": "301"}).code == 60200
        asked.answer(device.answers(asked.body, asked.fields, "denied"))
        assert post(f"{asked.path}/Notifications").code == 60322

    def test_another_entity_does_not_see_a_challenge(self, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        assert get(asked.path.replace(IDENTITY, "bob-12345678")).code == 20404

    def test_challenges_are_deleted_with_their_factor(self, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        assert delete(f"{ENTITY}/Factors/{factor['sid']}").status == 204
        assert get(asked.path).code == 20404


def test_the_handset_shows_a_pending_challenge(
    client: Any, device: PushDevice, factor: dict[str, Any]
) -> None:
    asked = Asked(factor, **{"Details.Fields": '{"label": "Place", "value": "<Rome>"}'})
    shown = client.get("/sandbox/?fragment=1").content.decode()
    assert "Sign in?" in shown
    assert "&lt;Rome&gt;" in shown
    asked.answer(device.answers(asked.body, asked.fields, "denied"))
    assert "Sign in?" not in client.get("/sandbox/?fragment=1").content.decode()
