"""Check the signatures of registered browsers. Their keys are P-256, and the signatures ES256.

The libraries, which the extra `push` installs, are imported only when they are needed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

CURVE = "secp256r1"

FACTOR, CHALLENGE = re.compile(r"YF[0-9a-fA-F]{32}"), re.compile(r"YC[0-9a-fA-F]{32}")
"""The patterns of Twilio's SIDs. Other values from a client are not used in URLs or queries."""

LONGEST_KEY = 400
"""The maximum number of characters of a key. A P-256 key has 124 characters in SPKI and base64."""

LONGEST_TOKEN = 8000
"""The maximum number of characters of a JWT.

A challenge has at most 1024 characters of hidden details, and twenty details of 164 characters.
"""


class NotSigned(ValueError):
    """The signature is malformed, or was not made with this key."""


def load(public_key: str) -> Any:
    """Return the P-256 key of base64 SPKI. Raises `ValueError` for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if len(public_key) > LONGEST_KEY:
        raise ValueError("too long")
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
    except UnsupportedAlgorithm as e:
        raise ValueError("not supported") from e
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise ValueError("not P-256")
    return key


def is_signature(public_key: str, signature: str, message: str) -> bool:
    """Return whether base64 DER is the key's signature of the message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        load(public_key).verify(base64.b64decode(signature, validate=True), message.encode(), ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_signed(token: str, public_key: str) -> dict[str, Any]:
    """Return the payload of a JWT that the key has signed. Raises `NotSigned`."""
    import jwt

    if len(token) > LONGEST_TOKEN:
        raise NotSigned
    try:
        payload = jwt.PyJWS().decode(token, key=load(public_key), algorithms=["ES256"])
    except (jwt.PyJWTError, ValueError) as e:
        raise NotSigned from e
    return _parse(payload)


def read_unsigned(token: str) -> dict[str, Any]:
    """Return the payload of a JWT without checking the signature, to find the key. Raises `NotSigned`."""
    parts = token.split(".")
    if len(token) > LONGEST_TOKEN or len(parts) != 3:
        raise NotSigned
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError) as e:
        raise NotSigned from e
    return _parse(payload)


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload, object_pairs_hook=_object)
    except (ValueError, RecursionError) as e:
        raise NotSigned from e
    if not isinstance(found, dict):
        raise NotSigned
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict. Raises `ValueError` for a duplicate name.

    Parsers treat duplicate names differently.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found
