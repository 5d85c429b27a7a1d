"""Check the signatures of push devices. Needs the extra `sandbox`.

Sources: Twilio's OpenAPI description, and the wire format of its public Android library.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .twilio_errors import Refused, invalid

# The fields of a challenge that a device signs together with its answer.
SIGNATURE_FIELDS = (
    "sid",
    "account_sid",
    "service_sid",
    "entity_sid",
    "factor_sid",
    "identity",
    "date_created",
    "expiration_date",
    "details",
    "hidden_details",
)
CURVE = "secp256r1"


def needs_extra() -> Refused:
    return Refused(
        60306, 400, 'The sandbox cannot check signatures: pip install "django-twilio-2fa[sandbox]"'
    )


def decoded(text: str) -> bytes:
    """Return the bytes of a base64 text, in either alphabet, with or without padding. Raises ValueError."""
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as e:
        raise ValueError("not base64") from e


def load_key(public_key: str) -> Any:
    """Return the P-256 key of base64 DER. Raises `Refused` for anything else."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key
    except ImportError:
        raise needs_extra() from None
    try:
        key = load_der_public_key(decoded(public_key))
    except (ValueError, UnsupportedAlgorithm):
        raise invalid("Binding.PublicKey", "is not a public key in DER and base64") from None
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise invalid("Binding.PublicKey", "is not a key for ES256")
    return key


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Return whether base64 DER is the key's signature of the message."""
    key = load_key(public_key)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(decoded(signature), message, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def claims(public_key: str, token: str, *, timed: bool) -> dict[str, Any] | None:
    """Return the payload of a JWT (ES256) that the key has signed. None if the signature is wrong.

    `timed`: the JWT has to have an expiration in the future.
    """
    import jwt

    names = ("aud", "iss", "sub", "jti", "iat", *(() if timed else ("exp", "nbf")))
    options: dict[str, Any] = {f"verify_{name}": False for name in names}
    options["require"] = ["exp"] if timed else []
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            load_key(public_key),
            algorithms=["ES256"],
            options=options,  # type: ignore[arg-type]
        )
    except (jwt.PyJWTError, ValueError):
        return None
    return found


def header(token: str) -> dict[str, Any]:
    """Return the header of a JWT without checking the signature. Empty if there is none."""
    import jwt

    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        return {}
