"""Verify v2: entities, factors and challenges of authenticator apps (TOTP).

Sources of what happens: Twilio's documentation of Verify TOTP, and its OpenAPI description for the shapes.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import struct
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import F, Q
from django.utils import timezone

from . import clock, messages
from .faults import invalid, not_found, refused
from .models import SandboxFactor, new_sid
from .verifications import BASE, iso

STEP, SKEW, DIGITS = 30, 1, 6
MAX_ATTEMPTS = 5
CHALLENGE_LIFETIME = timedelta(minutes=5)
IDENTITY = re.compile(r"[A-Za-z0-9-]{8,64}")

Values = Mapping[str, Any]
Result = tuple[int, dict[str, Any] | None]


def code_at(secret: str, step: int) -> str:
    """Return the code of a time step. Source: RFC 6238 and 4226, with SHA-1 and six digits."""
    key = base64.b32decode(secret)
    mac = hmac.digest(key, struct.pack(">Q", step), "sha1")
    number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def current_code(secret: str) -> str:
    """Return the code that an authenticator shows now."""
    return code_at(secret, int(clock.time()) // STEP)


def _matches(factor: SandboxFactor, code: str) -> bool:
    """Return whether the code is right, give or take a step, and was not used before. Marks it as used."""
    now = int(clock.time()) // STEP
    for step in range(now - SKEW, now + SKEW + 1):
        if secrets.compare_digest(code_at(factor.secret, step).encode(), code.encode()):
            unused = Q(last_step=None) | Q(last_step__lt=step)
            return bool(SandboxFactor.objects.filter(unused, pk=factor.pk).update(last_step=step))
    return False


# Factors


def create_factor(values: Values, *, account: str, service: str, identity: str) -> Result:
    if not IDENTITY.fullmatch(identity):
        raise invalid("Identity", "has to be 8 to 64 letters, digits and dashes")
    if values.get("FactorType") != "totp":
        raise invalid("FactorType", "is not a type that this sandbox knows")
    name = str(values.get("FriendlyName") or "")
    if not name or len(name) > 64:
        raise invalid("FriendlyName", "has to have 1 to 64 characters")
    earlier = SandboxFactor.objects.filter(service_sid=service, identity=identity).first()
    factor = SandboxFactor.objects.create(
        sid=new_sid("YF"),
        service_sid=service,
        account_sid=account,
        entity_sid=earlier.entity_sid if earlier else new_sid("YE"),
        identity=identity,
        friendly_name=name,
        secret=base64.b32encode(secrets.token_bytes(20)).decode(),
    )
    about = {"secret": factor.secret, "issuer": messages.SERVICE_NAME, "algorithm": "SHA1"}
    query = urlencode({**about, "digits": DIGITS, "period": STEP}, quote_via=quote)
    uri = f"otpauth://totp/{quote(messages.SERVICE_NAME)}:{quote(name)}?{query}"
    body = factor_body(factor)
    return 201, {**body, "binding": {"secret": factor.secret, "uri": uri}, "options": None}


def _factor(service: str, identity: str, sid: str) -> SandboxFactor:
    factor = SandboxFactor.objects.filter(service_sid=service, identity=identity, sid=sid).first()
    if factor is None:
        raise not_found(f"/Services/{service}/Entities/{identity}/Factors/{sid}")
    return factor


def fetch_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    return 200, factor_body(_factor(service, identity, sid))


def update_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    """Verify the factor: a wrong code is no error, the factor stays unverified."""
    factor = _factor(service, identity, sid)
    code = str(values.get("AuthPayload") or "")
    if code and factor.status == "unverified":
        _count(factor, code, 60310)
        if _matches(factor, code):
            SandboxFactor.objects.filter(pk=factor.pk).update(
                status="verified", attempts=0, updated_at=timezone.now()
            )
            factor.refresh_from_db()
    return 200, factor_body(factor)


def _count(factor: SandboxFactor, code: str, too_many: int) -> None:
    if not (code.isascii() and code.isdecimal() and 3 <= len(code) <= 8):
        raise refused(60306)
    left = SandboxFactor.objects.filter(pk=factor.pk, attempts__lt=MAX_ATTEMPTS)
    if not left.update(attempts=F("attempts") + 1):
        raise refused(too_many)


def delete_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    _factor(service, identity, sid).delete()
    return 204, None


# Challenges


def create_challenge(values: Values, *, account: str, service: str, identity: str) -> Result:
    factor = _factor(service, identity, str(values.get("FactorSid") or ""))
    if factor.status != "verified":
        raise refused(60318)
    code = str(values.get("AuthPayload") or "")
    status = "pending"
    if code:
        _count(factor, code, 60308)
        if _matches(factor, code):
            status = "approved"
            SandboxFactor.objects.filter(pk=factor.pk).update(attempts=0)
    return 201, challenge_body(factor, status)


# Bodies


def _common(factor: SandboxFactor) -> dict[str, Any]:
    return {
        "account_sid": factor.account_sid,
        "service_sid": factor.service_sid,
        "entity_sid": factor.entity_sid,
        "identity": factor.identity,
        "metadata": None,
    }


def factor_body(factor: SandboxFactor) -> dict[str, Any]:
    return {
        **_common(factor),
        "sid": factor.sid,
        "date_created": iso(factor.created_at),
        "date_updated": iso(factor.updated_at),
        "friendly_name": factor.friendly_name,
        "status": factor.status,
        "factor_type": "totp",
        "config": {"alg": "sha1", "skew": SKEW, "code_length": DIGITS, "time_step": STEP},
        "url": f"{BASE}/{factor.service_sid}/Entities/{factor.identity}/Factors/{factor.sid}",
    }


def challenge_body(factor: SandboxFactor, status: str) -> dict[str, Any]:
    sid, now = new_sid("YC"), timezone.now()
    url = f"{BASE}/{factor.service_sid}/Entities/{factor.identity}/Challenges/{sid}"
    return {
        **_common(factor),
        "sid": sid,
        "factor_sid": factor.sid,
        "date_created": iso(now),
        "date_updated": iso(now),
        "date_responded": iso(now) if status == "approved" else None,
        "expiration_date": iso(now + CHALLENGE_LIFETIME),
        "status": status,
        "responded_reason": "none",
        "details": None,
        "hidden_details": None,
        "factor_type": "totp",
        "url": url,
        "links": {"notifications": f"{url}/Notifications"},
    }


def authenticators() -> list[dict[str, Any]]:
    """Return the codes that authenticator apps show now, newest first."""
    rows = SandboxFactor.objects.order_by("-created_at")
    return [
        {"name": row.friendly_name, "code": current_code(row.secret), "factor_sid": row.sid} for row in rows
    ]
