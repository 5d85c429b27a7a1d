"""Simulate a phone with Twilio's push library."""

from __future__ import annotations

import base64
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class PushDevice:
    def __init__(self, curve: Any = ec.SECP256R1) -> None:
        self.key = ec.generate_private_key(curve())

    @property
    def public_key(self) -> str:
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(spki).decode()

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters with which a factor is created."""
        return {
            "FactorType": "push",
            "FriendlyName": "Ann's phone",
            "Binding.Alg": "ES256",
            "Binding.PublicKey": self.public_key,
            "Config.AppId": "com.example.app",
            "Config.NotificationPlatform": "none",
            "Config.SdkVersion": "1.0",
        }

    def signs(self, text: str) -> str:
        """Return the payload that verifies a factor: a signature in DER, in base64."""
        return base64.b64encode(self.key.sign(text.encode(), ec.ECDSA(SHA256()))).decode()

    def answers(self, challenge: dict[str, Any], fields: str, status: str, **altered: Any) -> str:
        """Return the payload that answers a challenge: a JWT of the fields to be signed, and the answer."""
        signed = {name: challenge[name] for name in fields.split(",")}
        return jwt.encode({**signed, "status": status, **altered}, self.key, algorithm="ES256")

    def password(self, factor: dict[str, Any], **changed: Any) -> str:
        """Return the password of the device's own requests, whose user name is `token`."""
        now = int(time.time())
        claims = {"sub": factor["account_sid"], "exp": now + 600, "nbf": now, **changed}
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            self.key,
            algorithm="ES256",
            headers={"cty": "twilio-pba;v=1", "kid": factor["config"]["credential_sid"]},
        )
