"""Compute the codes of authenticator apps."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from typing import Any

from django.db.models import Q

from . import clock
from .models import SandboxFactor

STEP, SKEW, DIGITS, ALGORITHM = 30, 1, 6, "sha1"
ALGORITHMS = ("sha1", "sha256", "sha512")
DEFAULTS: dict[str, Any] = {"alg": ALGORITHM, "skew": SKEW, "code_length": DIGITS, "time_step": STEP}


def key_of(secret: str) -> bytes:
    """Return the bytes of a base32 secret, with or without padding. Raises ValueError."""
    try:
        return base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    except binascii.Error as e:
        raise ValueError("not base32") from e


def code_at(secret: str, step: int, digits: int = DIGITS, algorithm: str = ALGORITHM) -> str:
    """Return the code of a time step. Source: RFC 6238 and 4226."""
    mac = hmac.digest(key_of(secret), struct.pack(">Q", step), algorithm)
    number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def current_code(secret: str) -> str:
    """Return the code that an authenticator with the default configuration shows now."""
    return code_at(secret, int(clock.time()) // STEP)


def configuration(factor: SandboxFactor) -> dict[str, Any]:
    return {**DEFAULTS, **factor.config}


def _code(factor: SandboxFactor, steps_on: int = 0) -> tuple[int, str]:
    """Return the time step and the code of an authenticator, now or some steps later."""
    config = configuration(factor)
    step = int(clock.time()) // config["time_step"] + steps_on
    return step, code_at(factor.secret, step, config["code_length"], config["alg"])


def matches(factor: SandboxFactor, code: str) -> bool:
    """Mark a code as used. Return False if it was used already, or is not the code of a step in the skew."""
    skew = configuration(factor)["skew"]
    for steps_on in range(-skew, skew + 1):
        step, right = _code(factor, steps_on)
        if secrets.compare_digest(right.encode(), code.encode()):
            unused = Q(last_step=None) | Q(last_step__lt=step)
            return bool(SandboxFactor.objects.filter(unused, pk=factor.pk).update(last_step=step))
    return False


def shown() -> list[dict[str, Any]]:
    """Return the codes that authenticator apps show now. The newest app comes first."""
    rows = SandboxFactor.objects.filter(factor_type="totp").order_by("-created_at")
    return [{"name": row.friendly_name, "code": _code(row)[1], "factor_sid": row.sid} for row in rows]
