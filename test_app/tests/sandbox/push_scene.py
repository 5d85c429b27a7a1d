"""Helpers of the push tests: an entity, its device, its factor and its challenges."""

from __future__ import annotations

from typing import Any

from .asking import IDENTITY, SERVICE, Answer, created, get, post
from .push_device import PushDevice

ENTITY = f"{SERVICE}/Entities/{IDENTITY}"
BOB = f"{SERVICE}/Entities/bob-12345678"


def verified(device: PushDevice, entity: str = ENTITY) -> dict[str, Any]:
    factor = created(f"{entity}/Factors", device.parameters)
    answer = post(f"{entity}/Factors/{factor['sid']}", {"AuthPayload": device.signs(factor["sid"])})
    assert answer["status"] == "verified"
    return factor


class Asked:
    """A challenge as the device has fetched it."""

    def __init__(self, factor: dict[str, Any], **details: str) -> None:
        values = {"FactorSid": factor["sid"], "Details.Message": "Sign in?", **details}
        self.path = f"{ENTITY}/Challenges/{created(f'{ENTITY}/Challenges', values)['sid']}"
        fetched = get(self.path)
        self.body = fetched.body
        self.fields = fetched.headers["Twilio-Verify-Signature-Fields"]

    def answer(self, payload: str) -> Answer:
        return post(self.path, {"AuthPayload": payload})

    @property
    def status(self) -> str:
        return str(get(self.path)["status"])
