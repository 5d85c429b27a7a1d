"""Create and verify factors of an entity: authenticator apps (TOTP) and push devices.

Sources: Twilio's documentation of Verify TOTP and Push, and its OpenAPI description.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import F
from django.utils import timezone

from .. import authenticators, signatures, webhook_delivery
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxFactor, new_sid
from ..parameters import integer, json_object, one_of, text
from ..twilio_errors import invalid, not_found, refused
from . import entities, services

MAX_ATTEMPTS = 5
PLATFORMS = ("apn", "fcm", "none")


def find(service: str, identity: str, sid: str) -> SandboxFactor:
    factor = SandboxFactor.objects.filter(service_sid=service, identity=identity, sid=sid).first()
    if factor is None:
        raise not_found(f"/Services/{service}/Entities/{identity}/Factors/{sid}")
    return factor


def count_attempt(factor: SandboxFactor, too_many: int) -> None:
    """Count an attempt to answer for the factor. Raises `Refused` with the code `too_many` after the last."""
    left = SandboxFactor.objects.filter(pk=factor.pk, attempts__lt=MAX_ATTEMPTS)
    if not left.update(attempts=F("attempts") + 1):
        raise refused(too_many)


def check_code(code: str) -> None:
    """Raise `Refused` for a text that cannot be the code of an authenticator."""
    if not (code.isascii() and code.isdecimal() and 3 <= len(code) <= 8):
        raise refused(60306)


# The fields of the two types


def _totp_settings(values: Values, found: Body) -> Body:
    given = {
        "alg": one_of(values, "Config.Alg", authenticators.ALGORITHMS) or None,
        "skew": integer(values, "Config.Skew", 0, 2),
        "code_length": integer(values, "Config.CodeLength", 3, 8),
        "time_step": integer(values, "Config.TimeStep", 20, 60),
    }
    return {**found, **{name: value for name, value in given.items() if value is not None}}


def _totp_fields(values: Values, service: str) -> dict[str, Any]:
    defaults = {"alg": authenticators.ALGORITHM}
    configured = services.configuration(service)
    for name in ("skew", "code_length", "time_step"):
        defaults[name] = configured[f"totp.{name}"]
    secret = text(values, "Binding.Secret", longest=255).replace(" ", "")
    try:
        authenticators.key_of(secret)
    except ValueError:
        raise invalid("Binding.Secret", "is not base32") from None
    secret = secret or base64.b32encode(secrets.token_bytes(20)).decode()
    return {"secret": secret, "config": _totp_settings(values, defaults)}


def _totp_binding(factor: SandboxFactor) -> Body:
    configured = services.configuration(factor.service_sid)
    issuer = configured["totp.issuer"] or configured["friendly_name"]
    config = authenticators.configuration(factor)
    about = {
        "secret": factor.secret,
        "issuer": issuer,
        "algorithm": config["alg"].upper(),
        "digits": config["code_length"],
        "period": config["time_step"],
    }
    label = f"{quote(issuer)}:{quote(factor.friendly_name)}"
    return {
        "secret": factor.secret,
        "uri": f"otpauth://totp/{label}?{urlencode(about, quote_via=quote)}",
    }


def _push_settings(values: Values, found: Body) -> Body:
    given = {
        "sdk_version": text(values, "Config.SdkVersion", longest=100),
        "notification_platform": one_of(values, "Config.NotificationPlatform", PLATFORMS),
        "notification_token": text(values, "Config.NotificationToken", longest=255),
    }
    changed = {**found, **{name: value for name, value in given.items() if value}}
    token = changed["notification_token"]
    if changed["notification_platform"] != "none" and not 32 <= len(token or "") <= 255:
        raise invalid("Config.NotificationToken", "has to have 32 to 255 characters")
    return changed


def _push_fields(values: Values) -> dict[str, Any]:
    one_of(values, "Binding.Alg", ("ES256",), required=True)
    public_key = text(values, "Binding.PublicKey", required=True)
    signatures.load_key(public_key)
    text(values, "Config.SdkVersion", required=True)
    one_of(values, "Config.NotificationPlatform", PLATFORMS, required=True)
    empty = {
        "sdk_version": None,
        "app_id": text(values, "Config.AppId", longest=100, required=True),
        "notification_platform": None,
        "notification_token": None,
        "credential_sid": new_sid("CR"),
    }
    return {"public_key": public_key, "config": _push_settings(values, empty)}


# Requests


def create_factor(values: Values, *, account: str, service: str, identity: str) -> Result:
    entities.check_identity(identity)
    kind = one_of(values, "FactorType", ("totp", "push"), required=True)
    name = text(values, "FriendlyName", longest=64, required=True)
    fields = _totp_fields(values, service) if kind == "totp" else _push_fields(values)
    factor = SandboxFactor.objects.create(
        sid=new_sid("YF"),
        service_sid=service,
        account_sid=account,
        entity_sid=entities.ensure(account, service, identity).sid,
        identity=identity,
        factor_type=kind,
        friendly_name=name,
        metadata=json_object(values, "Metadata", longest=1024),
        **fields,
    )
    webhook_delivery.send("factor.created", factor)
    push = {"alg": "ES256", "public_key": factor.public_key}
    binding = _totp_binding(factor) if kind == "totp" else push
    return 201, {**factor_body(factor), "binding": binding, "options": None}


def fetch_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    return 200, factor_body(find(service, identity, sid))


def update_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    """Change the factor, and verify it if there is an answer. Raises `Refused` for a wrong signature only."""
    factor = find(service, identity, sid)
    totp = factor.factor_type == "totp"
    factor.friendly_name = text(values, "FriendlyName", longest=64) or factor.friendly_name
    factor.config = (_totp_settings if totp else _push_settings)(values, factor.config)
    SandboxFactor.objects.filter(pk=factor.pk).update(
        friendly_name=factor.friendly_name, config=factor.config, updated_at=timezone.now()
    )
    answer = text(values, "AuthPayload")
    if answer and factor.status == "unverified":
        if totp:
            check_code(answer)
        count_attempt(factor, 60310)
        right = (
            authenticators.matches(factor, answer)
            if totp
            else signatures.is_signed(factor.public_key, answer, factor.sid.encode())
        )
        if not right and not totp:
            raise refused(60311)
        unverified = SandboxFactor.objects.filter(pk=factor.pk, status="unverified")
        if right and unverified.update(status="verified", attempts=0, updated_at=timezone.now()):
            webhook_delivery.send("factor.verified", factor)
    factor.refresh_from_db()
    return 200, factor_body(factor)


def delete_factor(values: Values, *, account: str, service: str, identity: str, sid: str) -> Result:
    factor = find(service, identity, sid)
    webhook_delivery.send("factor.deleted", factor)
    factor.delete()
    return 204, None


def list_factors(values: Values, *, account: str, service: str, identity: str) -> Result:
    rows = SandboxFactor.objects.filter(service_sid=service, identity=identity).order_by("pk")
    return page(values, rows, "factors", f"{BASE}/{service}/Entities/{identity}/Factors", factor_body)


def factor_body(factor: SandboxFactor) -> Body:
    config = authenticators.configuration(factor) if factor.factor_type == "totp" else factor.config
    return {
        "sid": factor.sid,
        "account_sid": factor.account_sid,
        "service_sid": factor.service_sid,
        "entity_sid": factor.entity_sid,
        "identity": factor.identity,
        "date_created": iso(factor.created_at),
        "date_updated": iso(factor.updated_at),
        "friendly_name": factor.friendly_name,
        "status": factor.status,
        "factor_type": factor.factor_type,
        "config": config,
        "metadata": factor.metadata,
        "url": f"{BASE}/{factor.service_sid}/Entities/{factor.identity}/Factors/{factor.sid}",
    }
