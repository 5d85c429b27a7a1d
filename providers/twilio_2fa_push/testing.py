"""A simulated browser for tests, which registers and signs answers as the script of the pages does."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any


def _new_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class SoftwareBrowser:
    """A browser with a P-256 key pair, and the factor for which the key was registered."""

    key: Any = field(default_factory=_new_key)
    factor: str = ""

    @property
    def public_key(self) -> str:
        """The public key in the format for registration: SPKI in base64."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(spki).decode()

    def confirm(self, ceremony: dict[str, Any]) -> dict[str, str]:
        """Sign the factor of a `ceremony`. Return the data to post as token or `answer`."""
        self.factor = ceremony["sign"]
        return {"signature": self.sign(self.factor)}

    def sign(self, text: str) -> str:
        """Return the signature of a text, in DER and base64."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return base64.b64encode(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))).decode()

    def proof(self, nonce: str) -> str:
        """Return the proof with which a browser asks for pending requests."""
        return self.jwt({"factor": self.factor, "nonce": nonce})

    def answer(self, sign: dict[str, Any], status: str, number: str = "") -> str:
        """Return a signed answer with the fields of the challenge, the number and the status."""
        hidden = {"hidden_details": {"number": number}} if number else {}
        return self.jwt({**sign, **hidden, "status": status})

    def jwt(self, payload: Any) -> str:
        """Return a signed JWT. The payload is a dict, or a string that is used unchanged."""
        import jwt

        raw = payload if isinstance(payload, str) else json.dumps(payload)
        return jwt.PyJWS().encode(raw.encode(), self.key, algorithm="ES256", headers={"typ": "JWT"})
