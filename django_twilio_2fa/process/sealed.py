"""Encrypt small values for the session, which may be a cookie.

With sessions in signed cookies, anyone with access to the browser can read the session. Django signs values
but does not encrypt them, so this module does both: the value is combined with a key stream (SHAKE-256 of the
key and a random nonce), and the result is signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from django.core import signing

from ..digests import derived_keys

NONCE_BYTES = 16


def _signer(key: str) -> signing.Signer:
    return signing.Signer(key=key, salt="twilio_2fa.sealed")


def _combined(key: str, nonce: bytes, text: bytes) -> bytes:
    stream = hashlib.shake_256(bytes.fromhex(key) + nonce).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def seal(value: Any, purpose: str) -> str:
    """Encrypt and sign a JSON value. `purpose` has to be the same for `unseal`."""
    key = derived_keys("seal", purpose)[0]
    nonce = secrets.token_bytes(NONCE_BYTES)
    text = _combined(key, nonce, json.dumps(value).encode())
    return _signer(key).sign(base64.urlsafe_b64encode(nonce + text).decode())


def unseal(text: Any, purpose: str) -> Any:
    """Return a sealed value. None for text that was not sealed for this purpose with a current key."""
    for key in derived_keys("seal", purpose):
        try:
            signed = _signer(key).unsign(str(text))
        except signing.BadSignature:
            continue
        raw = base64.urlsafe_b64decode(signed)
        return json.loads(_combined(key, raw[:NONCE_BYTES], raw[NONCE_BYTES:]))
    return None
