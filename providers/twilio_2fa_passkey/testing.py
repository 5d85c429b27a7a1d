"""A simulated authenticator for tests. It can also give wrong answers."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def base64url(value: bytes) -> str:
    """Return bytes in base64url without padding, as in WebAuthn's JSON."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes that `base64url` has encoded."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """A key pair that an authenticator stores for one user of one relying party."""

    key: Any
    rp_id: str
    user_handle: str
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))


@dataclass
class SoftwareAuthenticator:
    """Answer a ceremony as a browser at `origin` does, with keys of P-256.

    `step`: the increment of the signature counter at each use, or 0 for no counter, as with synchronized
    passkeys. `create` and `get` take the `ceremony` of a page or of the API, and return the data to post.
    """

    origin: str = "https://testserver"
    step: int = 1
    user_verified: bool = True
    passkeys: list[Passkey] = field(default_factory=list)
    counter: int = 0

    def create(self, ceremony: dict[str, Any], **false: Any) -> dict[str, Any]:
        """Make a passkey. `false`: wrong values for `challenge`, `origin` or `rp_id`."""
        import cbor2
        from cryptography.hazmat.primitives.asymmetric import ec

        asked = ceremony["publicKey"]
        excluded = {c["id"] for c in asked.get("excludeCredentials", [])}
        if excluded & {base64url(p.id) for p in self.passkeys}:
            raise ValueError("this authenticator has a passkey that is excluded")
        made = Passkey(ec.generate_private_key(ec.SECP256R1()), asked["rp"]["id"], asked["user"]["id"])
        self.passkeys.append(made)
        numbers = made.key.public_key().public_numbers()
        # Keys of COSE: EC2, ES256, P-256, x and y. Source: RFC 9053.
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + public_key
        data = self._data(false.get("rp_id", made.rp_id), ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"attestationObject": base64url(attestation), "transports": ["internal"]}
        return self._answer(made, "webauthn.create", asked["challenge"], response, false)

    def get(self, ceremony: dict[str, Any], passkey: Passkey | None = None, **false: Any) -> dict[str, Any]:
        """Sign with a passkey, by default an allowed one. `false`: as in `create`, or `key` or `user_handle`.

        If the ceremony names no passkeys, as in a log-in without a password, all of the domain are allowed.
        """
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        asked = ceremony["publicKey"]
        allowed = {c["id"] for c in asked["allowCredentials"]}
        mine = (p for p in self.passkeys if p.rp_id == asked["rpId"])
        used = passkey or next(p for p in mine if not allowed or base64url(p.id) in allowed)
        data = self._data(false.get("rp_id", used.rp_id))
        answer = self._answer(used, "webauthn.get", asked["challenge"], {}, false)
        client_data = from_base64url(answer["response"]["clientDataJSON"])
        signed = data + hashlib.sha256(client_data).digest()
        signature = false.get("key", used.key).sign(signed, ec.ECDSA(hashes.SHA256()))
        answer["response"] |= {"authenticatorData": base64url(data), "signature": base64url(signature)}
        answer["response"]["userHandle"] = false.get("user_handle", used.user_handle)
        return answer

    def _data(self, rp_id: str, flags: int = 0) -> bytes:
        """Return the authenticator data up to the counter. Source: WebAuthn Level 2, 6.1."""
        self.counter += self.step
        flags |= USER_PRESENT | (USER_VERIFIED if self.user_verified else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _answer(
        self, used: Passkey, type: str, challenge: str, response: dict[str, Any], false: dict[str, Any]
    ) -> dict[str, Any]:
        told = {"type": type, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        told |= {name: value for name, value in false.items() if name in told}
        id = base64url(used.id)
        return {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {"clientDataJSON": base64url(json.dumps(told).encode()), **response},
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
