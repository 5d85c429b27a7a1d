"""List the messages that were sent and whether they converted, and summarize them."""

from __future__ import annotations

from typing import Any

import phonenumbers
from django.db.models import QuerySet
from django.utils import timezone

from ..answers import ORIGIN, Body, Result, Values, iso, page
from ..models import SandboxMessage
from ..parameters import moment, one_of, sid, text
from ..twilio_errors import not_found
from .lookups import carrier_of
from .verifications import LIFETIME

CHANNELS = ("sms", "call", "email", "whatsapp", "rbm")
STATUSES = ("converted", "unconverted")
URL = f"{ORIGIN}/v2/Attempts"


def _country(to: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(to))
    except phonenumbers.NumberParseException:
        return None


def _lower(values: Values, *names: str) -> Values:
    return {**values, **{n: text(values, n).lower() for n in names if n in values}}


def _rows(values: Values, account: str) -> QuerySet[SandboxMessage]:
    values = _lower(values, "Channel", "Status")
    rows = SandboxMessage.objects.filter(verification__account_sid=account, channel__in=CHANNELS)
    where: dict[str, Any] = {
        "sent_at__gt": moment(values, "DateCreatedAfter"),
        "sent_at__lt": moment(values, "DateCreatedBefore"),
        "to": text(values, "ChannelData.To"),
        "channel": one_of(values, "Channel", CHANNELS),
        "verification__service_sid": sid(values, "VerifyServiceSid", "VA"),
        "verification__sid": sid(values, "VerificationSid", "VE"),
        "to__startswith": text(values, "DestinationPrefix"),
    }
    rows = rows.filter(**{name: value for name, value in where.items() if value})
    if status := one_of(values, "Status", STATUSES):
        rows = rows.filter(converted=status == "converted")
    if country := text(values, "Country").upper():
        found = [pk for pk, to in rows.values_list("pk", "to") if _country(to) == country]
        rows = rows.filter(pk__in=found)
    return rows.select_related("verification").order_by("-sent_at", "-pk")


def _body(row: SandboxMessage) -> Body:
    verification = row.verification
    over = verification.status == "expired" or (
        verification.status == "pending" and verification.created_at + LIFETIME <= timezone.now()
    )
    data: Body = {
        "verification_sid": verification.sid,
        "to": row.to,
        "status": "confirmed" if row.converted else "expired" if over else "unconfirmed",
        "error_code": None,
        "code_length": len(verification.code),
        "locale": row.locale or "en",
    }
    if row.channel != "email":
        carrier = carrier_of(row.to)
        data |= {
            "country": _country(row.to),
            "mcc": carrier["mobile_country_code"],
            "mnc": carrier["mobile_network_code"],
            "carrier": carrier["name"],
        }
        data["call_status" if row.channel == "call" else "message_status"] = (
            "completed" if row.channel == "call" else "delivered"
        )
    return {
        "sid": row.sid,
        "account_sid": verification.account_sid,
        "service_sid": verification.service_sid,
        "verification_sid": verification.sid,
        "date_created": iso(row.sent_at),
        "date_updated": iso(max(row.sent_at, verification.updated_at) if row.converted else row.sent_at),
        "conversion_status": "converted" if row.converted else "unconverted",
        "channel": row.channel,
        # Nothing is sent, so it costs nothing.
        "price": {"value": "0", "currency": "usd"},
        "channel_data": data,
        "url": f"{URL}/{row.sid}",
    }


def list_attempts(values: Values, *, account: str) -> Result:
    return page(values, _rows(values, account), "attempts", URL, _body)


def fetch_attempt(values: Values, *, account: str, sid: str) -> Result:
    row = _rows({}, account).filter(sid=sid).first()
    if row is None:
        raise not_found(f"/Attempts/{sid}")
    return 200, _body(row)


def fetch_summary(values: Values, *, account: str) -> Result:
    rows = _rows(values, account)
    total, converted = rows.count(), rows.filter(converted=True).count()
    return 200, {
        "total_attempts": total,
        "total_converted": converted,
        "total_unconverted": total - converted,
        "conversion_rate_percentage": f"{100 * converted / total:.9f}" if total else "0",
        "url": f"{URL}/Summary",
    }
