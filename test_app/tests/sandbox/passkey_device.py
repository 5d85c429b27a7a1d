"""Simulate a browser with passkeys."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, WITH_CREDENTIAL = 0x01, 0x04, 0x40


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PasskeyDevice:
    def __init__(self, origin: str = "https://example.com") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.origin = origin
        self.counter = 0

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _authenticator_data(self, rp_id: str, flags: int) -> bytes:
        self.counter += 1
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _answer(self, **response: Any) -> dict[str, Any]:
        return {
            "id": base64url(self.id),
            "rawId": self.id.hex(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {name: base64url(value) for name, value in response.items()},
        }

    def creates(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer as `navigator.credentials.create()` would."""
        wanted = options["publicKey"]
        numbers = self.key.public_key().public_numbers()
        x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
        public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        data = self._authenticator_data(wanted["rp"]["id"], USER_PRESENT | USER_VERIFIED | WITH_CREDENTIAL)
        data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + public_key
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client_data("webauthn.create", wanted["challenge"])
        return self._answer(attestationObject=attestation, clientDataJSON=client)

    def gets(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer as `navigator.credentials.get()` would."""
        wanted = options["publicKey"]
        data = self._authenticator_data(wanted["rpId"], USER_PRESENT | USER_VERIFIED)
        client = self._client_data("webauthn.get", wanted["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(authenticatorData=data, clientDataJSON=client, signature=signature)
