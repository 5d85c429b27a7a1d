"""Requests that a push device makes itself."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ..clock import pass_time
from .asking import ACCOUNT, IDENTITY, SERVICE, TOKEN, ask, created, post
from .push_device import PushDevice
from .push_scene import BOB, ENTITY, Asked, verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> PushDevice:
    return PushDevice()


@pytest.fixture
def factor(device: PushDevice) -> dict[str, Any]:
    return verified(device)


class TestRequestsOfADevice:
    """Requests as the user `token`, whose password is an access token or signed by the device."""

    def token(self, **changed: str) -> str:
        values = {"Identity": IDENTITY, "FactorType": "push", **changed}
        return str(created(f"{SERVICE}/AccessTokens", values)["token"])

    def test_an_access_token_creates_a_factor(self, device: PushDevice) -> None:
        auth = ("token", self.token())
        factor = post(f"{ENTITY}/Factors", device.parameters, auth=auth)
        assert (factor.status, factor["account_sid"]) == (201, ACCOUNT)

    def test_an_access_token_does_nothing_else(self, device: PushDevice, factor: dict[str, Any]) -> None:
        auth = ("token", self.token())
        assert post(f"{BOB}/Factors", device.parameters, auth=auth).code == 20003
        for method, path in (
            ("GET", f"{ENTITY}/Factors/{factor['sid']}"),
            ("DELETE", f"{ENTITY}/Factors/{factor['sid']}"),
            ("GET", SERVICE),
            ("GET", f"{ENTITY}/Factors"),
            ("GET", "/v2/Services"),
        ):
            assert ask(method, path, auth=auth).code == 20003, path

    def test_an_access_token_expires(self, device: PushDevice) -> None:
        auth = ("token", self.token(Ttl="120"))
        pass_time(121)
        assert post(f"{ENTITY}/Factors", device.parameters, auth=auth).code == 20003

    @pytest.mark.parametrize(
        "changed", [{"Ttl": "59"}, {"Ttl": "301"}, {"FactorType": "totp"}, {"Identity": "x"}]
    )
    def test_invalid_values_for_an_access_token_are_refused(self, changed: dict[str, str]) -> None:
        values = {"Identity": IDENTITY, "FactorType": "push", **changed}
        assert post(f"{SERVICE}/AccessTokens", values).code == 60200

    def test_a_signed_password_answers_a_challenge(self, device: PushDevice, factor: dict[str, Any]) -> None:
        asked = Asked(factor)
        auth = ("token", device.password(factor))
        assert ask("GET", asked.path, auth=auth)["sid"] == asked.body["sid"]
        listed = ask("GET", f"{ENTITY}/Challenges", {"FactorSid": factor["sid"]}, auth=auth)
        assert len(listed["challenges"]) == 1
        payload = device.answers(asked.body, asked.fields, "approved")
        assert post(asked.path, {"AuthPayload": payload}, auth=auth)["status"] == "approved"

    def test_a_signed_password_is_for_its_own_factor(
        self, device: PushDevice, factor: dict[str, Any]
    ) -> None:
        other = verified(PushDevice())
        asked = Asked(other)
        auth = ("token", device.password(factor))
        for path in (asked.path, f"{ENTITY}/Factors/{other['sid']}", f"{ENTITY}/Challenges", BOB, SERVICE):
            assert ask("GET", path, auth=auth).code == 20003, path
        assert ask("GET", f"{ENTITY}/Challenges", {"FactorSid": other["sid"]}, auth=auth).code == 20003

    def test_a_device_cannot_create_challenges(self, device: PushDevice, factor: dict[str, Any]) -> None:
        auth = ("token", device.password(factor))
        values = {"FactorSid": factor["sid"], "Details.Message": "Sign in?"}
        assert post(f"{ENTITY}/Challenges", values, auth=auth).code == 20003
        assert post(f"{Asked(factor).path}/Notifications", auth=auth).code == 20003

    @pytest.mark.parametrize(
        "wrong",
        ["another key", "another account", "expired", "without end", "text", "empty", "account token"],
    )
    def test_a_wrong_password_is_refused(
        self, device: PushDevice, factor: dict[str, Any], wrong: str
    ) -> None:
        password = {
            "another key": PushDevice().password(factor),
            "another account": device.password(factor, sub="AC" + "9" * 32),
            "expired": device.password(factor, exp=int(time.time()) - 1),
            "without end": device.password(factor, exp=None),
            "text": "x",
            "empty": "",
            "account token": TOKEN,
        }[wrong]
        path = f"{ENTITY}/Factors/{factor['sid']}"
        assert ask("GET", path, auth=("token", password)).code == 20003
        assert ask("GET", path, auth=("token", device.password(factor))).status == 200
