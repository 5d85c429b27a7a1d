"""Verify v2: services, verifications and checks.

Sources of what happens: Twilio's documentation of Verify, and its OpenAPI description for the shapes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from ..conf import conf
from ..moments import aware
from ..twilio.locales import LOCALES
from . import messages
from .faults import invalid, not_found, refused
from .magic import magic_for
from .models import SandboxMessage, SandboxVerification, new_sid

LIFETIME = timedelta(minutes=10)
MAX_SENDS = 5
MAX_CHECKS = 5
PHONE_CHANNELS = ("sms", "call", "whatsapp")
CHANNELS = (*PHONE_CHANNELS, "email")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
BASE = "https://verify.twilio.com/v2/Services"

Values = Mapping[str, Any]
Result = tuple[int, dict[str, Any]]


def iso(moment: datetime) -> str:
    return aware(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def strike(to: str, where: str, channel: str = "") -> None:
    """Raise the fault that a magic destination has in store."""
    magic = magic_for(to)
    if magic.on == where and (not magic.channels or channel in magic.channels):
        raise refused(magic.code)


# Services


def fetch_service(values: Values, *, account: str, service: str) -> Result:
    url = f"{BASE}/{service}"
    now = iso(timezone.now())
    passkeys = {"relying_party": {"id": None, "name": None, "origins": None}}
    for name in ("authenticator_attachment", "discoverable_credentials", "user_verification"):
        passkeys[name] = None  # type: ignore[assignment]
    links = {
        "verification_checks": "VerificationCheck",
        "verifications": "Verifications",
        "rate_limits": "RateLimits",
        "messaging_configurations": "MessagingConfigurations",
        "entities": "Entities",
        "webhooks": "Webhooks",
        "access_tokens": "AccessTokens",
        "new_factors": "Passkeys/Factors",
        "verify_factors": "Passkeys/VerifyFactor",
        "new_challenge": "Passkeys/Challenges",
        "approve_challenge": "Passkeys/ApproveChallenge",
    }
    return 200, {
        "sid": service,
        "account_sid": account,
        "friendly_name": messages.SERVICE_NAME,
        "code_length": conf.TOKEN_LENGTH,
        "lookup_enabled": False,
        "psd2_enabled": False,
        "skip_sms_to_landlines": False,
        "dtmf_input_required": False,
        "tts_name": messages.SERVICE_NAME,
        "do_not_share_warning_enabled": False,
        "custom_code_enabled": False,
        "push": {"include_date": False, "apn_credential_sid": None, "fcm_credential_sid": None},
        "totp": {"issuer": None, "time_step": 30, "code_length": 6, "skew": 1},
        "whatsapp": {"msg_service_sid": "MG" + "5" * 32, "from": "whatsapp:+12025550100"},
        "passkeys": passkeys,
        "default_template_sid": None,
        "verify_event_subscription_enabled": False,
        "date_created": now,
        "date_updated": now,
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in links.items()},
    }


# Verifications


def start(values: Values, *, account: str, service: str) -> Result:
    to, channel = _destination(values)
    strike(to, "send", channel)
    locale = _locale(values, service)
    row = _pending(service, to) or _new(values, account, service, to, channel)
    counted = SandboxVerification.objects.filter(pk=row.pk, status="pending", sends__lt=MAX_SENDS).update(
        sends=F("sends") + 1, channel=channel, updated_at=timezone.now()
    )
    if not counted:
        raise refused(60203)
    row.refresh_from_db()
    messages.deliver(row, channel, name=str(values.get("CustomFriendlyName") or ""), locale=locale)
    return 201, verification_body(row)


def _destination(values: Values) -> tuple[str, str]:
    to, channel = str(values.get("To", "")), str(values.get("Channel", "")).lower()
    if channel not in CHANNELS:
        raise invalid("Channel", "is not a supported channel")
    if channel == "email":
        try:
            validate_email(to)
        except ValidationError as e:
            raise invalid("To", "is not a valid e-mail address") from e
        return to, channel
    import phonenumbers

    try:
        phonenumbers.parse(to)
    except phonenumbers.NumberParseException:
        parsed = False
    else:
        # By its shape (ITU-T E.164), not by the plans that phonenumbers knows: Twilio has plans of its own.
        parsed = bool(E164.fullmatch(to))
    if not parsed:
        raise invalid("To", "is not a valid phone number")
    return to, channel


def _locale(values: Values, service: str) -> str:
    locale = str(values.get("Locale") or "")
    # A 404 is documented for a language that is not spoken; for what is no tag at all this is a guess.
    if locale and not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", locale):
        raise invalid("Locale")
    if locale and locale not in LOCALES:
        raise not_found(f"/Services/{service}/Verifications")
    return locale


def _key(service: str, to: str) -> str:
    return f"{service}:{to}"


def _over(row: SandboxVerification) -> bool:
    return row.status == "pending" and row.created_at + LIFETIME <= timezone.now()


def end(row: SandboxVerification, status: str) -> bool:
    """Conditional, so that it happens once."""
    ended = SandboxVerification.objects.filter(pk=row.pk, status="pending").update(
        status=status, pending_key=None, updated_at=timezone.now()
    )
    row.refresh_from_db()
    return bool(ended)


def _pending(service: str, to: str) -> SandboxVerification | None:
    row = SandboxVerification.objects.filter(pending_key=_key(service, to)).first()
    if row is not None and _over(row):
        end(row, "expired")
        return None
    return row


def _new(values: Values, account: str, service: str, to: str, channel: str) -> SandboxVerification:
    code = str(values.get("CustomCode") or "") or "".join(
        secrets.choice("0123456789") for _ in range(conf.TOKEN_LENGTH)
    )
    key = _key(service, to)
    try:
        with transaction.atomic():
            return SandboxVerification.objects.create(
                sid=new_sid("VE"),
                service_sid=service,
                account_sid=account,
                to=to,
                channel=channel,
                code=code,
                pending_key=key,
                amount=str(values.get("Amount") or ""),
                payee=str(values.get("Payee") or ""),
            )
    except IntegrityError:
        # Another request was first; it is the same verification to Twilio.
        return SandboxVerification.objects.get(pending_key=key)


def _find(service: str, id: str) -> SandboxVerification:
    rows = SandboxVerification.objects.filter(service_sid=service)
    row = rows.filter(sid=id).first() if id.startswith("VE") else _pending(service, id)
    if row is None:
        raise not_found(f"/Services/{service}/Verifications/{id}")
    if _over(row):
        end(row, "expired")
    return row


def fetch(values: Values, *, account: str, service: str, id: str) -> Result:
    row = _find(service, id)
    if row.status != "pending":
        raise not_found(f"/Services/{service}/Verifications/{id}")
    return 200, verification_body(row)


def update(values: Values, *, account: str, service: str, id: str) -> Result:
    status = str(values.get("Status", ""))
    if status not in ("canceled", "approved"):
        raise invalid("Status", "is not a status that can be set")
    row = _find(service, id)
    if not end(row, status):
        raise not_found(f"/Services/{service}/Verifications/{id}")
    return 200, verification_body(row)


def check(values: Values, *, account: str, service: str) -> Result:
    code = str(values.get("Code", ""))
    if not 4 <= len(code) <= 10:
        raise invalid("Code", "has to have 4 to 10 characters")
    id = str(values.get("VerificationSid") or values.get("To") or "")
    if not id:
        raise invalid("To", "or `VerificationSid` is required")
    row = _find(service, id)
    missing = not_found(f"/Services/{service}/VerificationCheck")
    if row.status != "pending":
        raise missing
    strike(row.to, "check")
    counted = SandboxVerification.objects.filter(pk=row.pk, status="pending", checks__lt=MAX_CHECKS).update(
        checks=F("checks") + 1, updated_at=timezone.now()
    )
    row.refresh_from_db()
    if not counted:
        raise refused(60202) if row.status == "pending" else missing
    if secrets.compare_digest(code.encode(), row.code.encode()) and not end(row, "approved"):
        raise missing
    return 201, check_body(row)


# Bodies


def _common(row: SandboxVerification) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "service_sid": row.service_sid,
        "account_sid": row.account_sid,
        "to": row.to,
        "channel": row.channel,
        "status": row.status,
        "valid": row.status == "approved",
        "amount": row.amount or None,
        "payee": row.payee or None,
        "date_created": iso(row.created_at),
        "date_updated": iso(row.updated_at),
    }


def verification_body(row: SandboxVerification) -> dict[str, Any]:
    attempts = SandboxMessage.objects.filter(verification=row).order_by("sent_at", "pk")
    return {
        **_common(row),
        "lookup": {},
        "send_code_attempts": [
            {"time": iso(m.sent_at), "channel": m.channel, "attempt_sid": m.sid} for m in attempts
        ],
        "sna": None,
        "url": f"{BASE}/{row.service_sid}/Verifications/{row.sid}",
    }


def check_body(row: SandboxVerification) -> dict[str, Any]:
    return {**_common(row), "sna_attempts_error_codes": []}
