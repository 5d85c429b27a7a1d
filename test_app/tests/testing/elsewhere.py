"""Passkey providers: one that uses a service, as in Twilio's private beta, and two for rare errors."""

from __future__ import annotations

import secrets
from typing import Any

from twilio_2fa_passkey import ceremony
from twilio_2fa_passkey.ceremony import Asked
from twilio_2fa_passkey.provider import PasskeyProvider
from twilio_2fa_passkey.testing import from_base64url

from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.providers import NewDevice, Sent


class Service:
    """A service that makes the options for the browser, and stores the public keys."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def ask(self, purpose: str, identity: str, rp_id: str) -> dict[str, Any]:
        options: dict[str, Any] = {"challenge": secrets.token_urlsafe(32)}
        if purpose == Purpose.ENROL:
            return {**options, "rp": {"id": rp_id, "name": rp_id}, "user": {"id": identity, "name": "x"}}
        return {**options, "rpId": rp_id, "allowCredentials": [{"id": id} for id in self.kept]}

    def register(self, asked: Asked, answer: dict[str, Any], identity: str) -> str:
        found = ceremony.verify_creation(asked, answer)
        if found is None:
            return ""
        self.kept[found["credential_id"]] = {**found, "user_handle": identity}
        return str(found["credential_id"])

    def is_good(self, asked: Asked, answer: dict[str, Any]) -> bool:
        kept = self.kept.get(answer["id"])
        return kept is not None and ceremony.verify_assertion(asked, answer, kept) is not None


SERVICE = Service()


class ElsewhereProvider(PasskeyProvider):
    """A provider that stores public keys at the service. A device has only the id of its key."""

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        sent = super().start(verification, request=request)
        assert sent.data is not None
        identity = self.identity(verification)
        options = SERVICE.ask(verification.purpose, identity, sent.data["rp_id"])
        return Sent(data={**sent.data, "options": options})

    def identity(self, verification: Verification) -> str:
        # Twelve characters for each user: the identity has to be valid base64url.
        return f"user{verification.user_id:08d}"

    def get_ceremony(self, verification: Verification) -> dict[str, Any]:
        return {"publicKey": verification.data["options"]}

    def asked(self, verification: Verification, asked: Asked) -> Asked:
        challenge = from_base64url(verification.data["options"]["challenge"])
        return Asked(challenge, asked.rp_id, asked.origins, asked.user_verification)

    def verify_registration(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> NewDevice | None:
        id = SERVICE.register(self.asked(verification, asked), answer, self.identity(verification))
        return NewDevice(value=id, data={"rp_id": asked.rp_id}) if id else None

    def verify_assertion(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> Device | None:
        if not SERVICE.is_good(self.asked(verification, asked), answer):
            return None
        return Device.objects.filter(user=verification.user, value=answer["id"]).first()


class RemovedMeanwhileProvider(PasskeyProvider):
    """A provider whose passkey is removed between the answer and the approval."""

    def verify_assertion(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> Device | None:
        used = super().verify_assertion(verification, asked, answer)
        assert used is not None
        Device.objects.filter(pk=used.pk).delete()
        return used


class SomebodyElsesProvider(PasskeyProvider):
    """A faulty provider: it returns a device of another user as the one that answered."""

    def verify_assertion(
        self, verification: Verification, asked: Asked, answer: dict[str, Any]
    ) -> Device | None:
        return Device.objects.exclude(user=verification.user).first()
