"""Send and check codes.

Sources: Twilio's documentation of Verify, and its OpenAPI description for the formats.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from ...twilio.locales import LOCALES
from .. import messages, rate_counts, sna
from ..answers import BASE, Result, Values, iso
from ..magic import magic_for, strike
from ..models import SandboxMessage, SandboxVerification, new_sid
from ..parameters import flag, json_object, one_of, text
from ..twilio_errors import invalid, not_found, refused
from . import lookups, safelist, services, templates

LIFETIME = timedelta(minutes=10)
MAX_SENDS = 5
MAX_CHECKS = 5
PHONE_CHANNELS = ("sms", "call", "whatsapp", "sna", "auto")
CHANNELS = (*PHONE_CHANNELS, "email")
E164 = safelist.E164

# Verifications


def start(values: Values, *, account: str, service: str) -> Result:
    to, channel = _destination(values)
    configured = services.configuration(service)
    _check_options(values, configured, channel)
    rate_counts.count(service, json_object(values, "RateLimits") or {})
    spared = safelist.SPARED if safelist.holds(account, to) else ()
    strike(to, "send", channel, spared=spared)
    locale = _locale(values, service)
    row = _pending(service, to)
    data = {}
    if falls_back := channel == "auto":
        # A second send means that Silent Network Auth has not worked.
        channel = "sna" if sna.takes_part(to) and not (row and row.sends) else "sms"
    if channel == "sna":
        with_token = bool(flag(values, "EnableSnaClientToken"))
        data["sna"] = sna.new_state(client_token=with_token, falls_back=falls_back)
    row, is_first = (row, False) if row else _new(values, account, service, to, channel, configured, data)
    if not is_first:
        _count_send(row, channel, data)
    template = text(values, "TemplateSid") or configured["default_template_sid"]
    message = messages.deliver(
        row,
        channel,
        name=text(values, "CustomFriendlyName", longest=64) or configured["friendly_name"],
        locale=locale,
        wording=templates.wording(template) if template else "",
        warns=configured["do_not_share_warning_enabled"],
        app_hash=text(values, "AppHash"),
    )
    return 201, verification_body(row, [message] if is_first else None)


def _count_send(row: SandboxVerification, channel: str, data: Values) -> None:
    """Count one more send. Raises `Refused` if the limit is reached."""
    if data:
        SandboxVerification.objects.filter(pk=row.pk).update(data={**row.data, **data})
    counted = SandboxVerification.objects.filter(pk=row.pk, status="pending", sends__lt=MAX_SENDS).update(
        sends=F("sends") + 1, channel=channel, updated_at=timezone.now()
    )
    if not counted:
        raise refused(60203)
    row.refresh_from_db()


def _check_options(values: Values, configured: Values, channel: str) -> None:
    """Raise `Refused` for wrong options, and for features that a configured service does not support."""
    one_of(values, "RiskCheck", ("enable", "disable"))
    json_object(values, "Tags")
    if address := text(values, "DeviceIp"):
        try:
            ip_address(address)
        except ValueError:
            raise invalid("DeviceIp", "is not an IP address") from None
    code = text(values, "CustomCode")
    if code and not 4 <= len(code) <= 10:
        raise invalid("CustomCode", "has to have 4 to 10 characters")
    to = str(values["To"])
    skips = configured["lookup_enabled"] and configured["skip_sms_to_landlines"]
    if skips and channel == "sms" and magic_for(to).line_type == "landline":
        raise refused(60205)
    if not configured["is_configured"]:
        return
    if code and not configured["custom_code_enabled"]:
        raise refused(60204)
    if configured["psd2_enabled"]:
        if not (text(values, "Amount") and text(values, "Payee")):
            raise refused(60206)
        if channel == "call":
            raise refused(60214)


def _destination(values: Values) -> tuple[str, str]:
    to, channel = text(values, "To", longest=254), text(values, "Channel").lower()
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
        # Only the form (ITU-T E.164) is checked: Twilio's numbering plans are not those of phonenumbers.
        parsed = bool(E164.fullmatch(to))
    if not parsed:
        raise invalid("To", "is not a valid phone number")
    return to, channel


def _locale(values: Values, service: str) -> str:
    locale = str(values.get("Locale") or "")
    # A 404 is documented for a language that is not supported. The error for an invalid tag is a guess.
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
    """End a verification with a status. Return False if it is no longer pending."""
    values = {"status": status, "pending_key": None, "updated_at": timezone.now()}
    ended = SandboxVerification.objects.filter(pk=row.pk, status="pending").update(**values)
    if ended:
        for name, value in values.items():
            setattr(row, name, value)
    else:
        row.refresh_from_db()
    if ended and status == "approved":
        last = SandboxMessage.objects.filter(verification=row).order_by("pk").last()
        if last is not None:
            SandboxMessage.objects.filter(pk=last.pk).update(converted=True)
    return bool(ended)


def _pending(service: str, to: str) -> SandboxVerification | None:
    row = SandboxVerification.objects.filter(pending_key=_key(service, to)).first()
    if row is not None and _over(row):
        end(row, "expired")
        return None
    return row


def _new(
    values: Values, account: str, service: str, to: str, channel: str, configured: Values, data: Values
) -> tuple[SandboxVerification, bool]:
    """Create a verification. Return it and True, or the one of a concurrent request and False."""
    code = text(values, "CustomCode") or "".join(
        secrets.choice("0123456789") for _ in range(configured["code_length"])
    )
    lookup = {"carrier": lookups.carrier_of(to)} if configured["lookup_enabled"] and "@" not in to else {}
    try:
        with transaction.atomic():
            row = SandboxVerification.objects.create(
                sid=new_sid("VE"),
                service_sid=service,
                account_sid=account,
                to=to,
                channel=channel,
                code=code,
                pending_key=_key(service, to),
                sends=1,
                amount=text(values, "Amount", longest=32),
                payee=text(values, "Payee", longest=254),
                data={"lookup": lookup, **data},
            )
    except IntegrityError:
        # At Twilio, concurrent sends belong to the same verification.
        return SandboxVerification.objects.get(pending_key=_key(service, to)), False
    return row, True


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
    code = text(values, "Code")
    id = text(values, "VerificationSid") or text(values, "To")
    # With Silent Network Auth, nothing is typed.
    row = _find(service, id) if id and not code else None
    silent = row is not None and row.channel == "sna"
    if not silent and not 4 <= len(code) <= 10:
        raise invalid("Code", "has to have 4 to 10 characters")
    if not id:
        raise invalid("To", "or `VerificationSid` is required")
    row = row or _find(service, id)
    missing = not_found(f"/Services/{service}/VerificationCheck")
    if row.status != "pending":
        raise missing
    strike(row.to, "check")
    now = timezone.now()
    counted = SandboxVerification.objects.filter(pk=row.pk, status="pending", checks__lt=MAX_CHECKS).update(
        checks=F("checks") + 1, updated_at=now
    )
    row.updated_at = now
    if not counted:
        row.refresh_from_db()
        raise refused(60202) if row.status == "pending" else missing
    error = sna.error_of(row, text(values, "SnaClientToken")) if silent else 0
    right = not error if silent else secrets.compare_digest(code.encode(), row.code.encode())
    same_payment = (text(values, "Amount"), text(values, "Payee")) == (row.amount, row.payee)
    if right and not same_payment and services.configuration(service)["psd2_enabled"]:
        # The user approves one payment, not another.
        right = False
    if right and not end(row, "approved"):
        raise missing
    return 201, {**_common(row), "sna_attempts_error_codes": sna.errors(row, error)}


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


def verification_body(
    row: SandboxVerification, attempts: Iterable[SandboxMessage] | None = None
) -> dict[str, Any]:
    """Return a verification in Twilio's format. `attempts`: its messages, if they are known."""
    if attempts is None:
        attempts = SandboxMessage.objects.filter(verification=row).order_by("sent_at", "pk")
    return {
        **_common(row),
        "lookup": row.data.get("lookup", {}),
        "send_code_attempts": [
            {"time": iso(m.sent_at), "channel": m.channel, "attempt_sid": m.sid} for m in attempts
        ],
        "sna": {"url": messages.sna_url(row)} if row.channel == "sna" else None,
        "url": f"{BASE}/{row.service_sid}/Verifications/{row.sid}",
    }
