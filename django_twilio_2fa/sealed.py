"""What has to be kept and must not be read: encrypted and authenticated under the kit's key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from .conf import conf

NONCE, TAG = 16, 32


def _keys(purpose: str) -> list[tuple[bytes, bytes]]:
    """Pairs of a key to encrypt and one to authenticate, the current pair first."""
    secret_keys = [conf.SECRET_KEY or settings.SECRET_KEY, *conf.SECRET_KEY_FALLBACKS]
    if not conf.SECRET_KEY:
        secret_keys += settings.SECRET_KEY_FALLBACKS

    def derive(key: str, use: str) -> bytes:
        salt = f"django_twilio_2fa.sealed.{use}"
        return salted_hmac(salt, purpose, secret=key, algorithm="sha256").digest()

    return [(derive(key, "encrypt"), derive(key, "authenticate")) for key in secret_keys]


def _mask(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """`text` with a key stream of HMAC-SHA256 in counter mode laid over it; twice gives it back."""
    blocks = range(-(-len(text) // 32))
    stream = b"".join(hmac.digest(key, nonce + n.to_bytes(8, "big"), hashlib.sha256) for n in blocks)
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))


def seal(value: Any, purpose: str) -> str:
    """What JSON can hold, as text that says nothing and cannot be changed."""
    encrypt, authenticate = _keys(purpose)[0]
    nonce = secrets.token_bytes(NONCE)
    body = nonce + _mask(encrypt, nonce, json.dumps(value).encode())
    return base64.urlsafe_b64encode(body + hmac.digest(authenticate, body, hashlib.sha256)).decode()


def unseal(text: str, purpose: str) -> Any:
    """The value that was sealed for this purpose; None for anything else."""
    try:
        raw = base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, ValueError):
        return None
    body, tag = raw[:-TAG], raw[-TAG:]
    for encrypt, authenticate in _keys(purpose):
        if hmac.compare_digest(hmac.digest(authenticate, body, hashlib.sha256), tag):
            return json.loads(_mask(encrypt, body[:NONCE], body[NONCE:]))
    return None
