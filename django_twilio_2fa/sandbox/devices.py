"""Authenticate push devices by the user name `token` and, as password, an access token or a signed JWT.

Source: the wire format of Twilio's public Android library.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from . import signatures
from .models import SandboxChallenge, SandboxFactor
from .resources import access_tokens
from .twilio_errors import Refused

USERNAME = "token"
CONTENT_TYPE = "twilio-pba;v=1"


def account_for(password: str, method: str, parts: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """Return the account of the device, if it may make this request. Raises `Refused` (20003) otherwise."""
    service, identity = parts.get("service", ""), parts.get("identity", "")
    found = _enrolling(password, method, service, identity, parts) or _signed(
        password, service, identity, parts, values
    )
    if not found:
        raise Refused(20003, 401, "Authenticate")
    return found


def _enrolling(password: str, method: str, service: str, identity: str, parts: Mapping[str, str]) -> str:
    """Return the account of an access token, which may only create a push factor of its identity."""
    row = access_tokens.find_token(service, password)
    if row is None or row.data["identity"] != identity or method != "POST" or "sid" in parts:
        return ""
    return row.account_sid if row.created_at + timedelta(seconds=row.data["ttl"]) > timezone.now() else ""


def _signed(
    password: str, service: str, identity: str, parts: Mapping[str, str], values: Mapping[str, Any]
) -> str:
    """Return the account of the factor whose device has signed the password, if the request is about it."""
    header = signatures.header(password)
    if header.get("cty") != CONTENT_TYPE:
        return ""
    factors = SandboxFactor.objects.filter(service_sid=service, identity=identity, factor_type="push")
    factor = next((f for f in factors if f.config["credential_sid"] == header.get("kid")), None)
    if factor is None:
        return ""
    claims = signatures.claims(factor.public_key, password, timed=True)
    if claims is None or claims.get("sub") != factor.account_sid:
        return ""
    return factor.account_sid if _is_about(factor, parts, values) else ""


def _is_about(factor: SandboxFactor, parts: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    sid = parts.get("sid", "")
    if sid.startswith("YC"):
        return SandboxChallenge.objects.filter(sid=sid, factor=factor).exists()
    return factor.sid == (sid or values.get("FactorSid"))
