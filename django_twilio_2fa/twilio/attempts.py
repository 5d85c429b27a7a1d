"""Read Twilio Verify's records of sent messages: its Attempts, page by page, and their Summary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from .client import get_client
from .error_codes import convert_errors
from .verify import as_utc

PAGE = 500

# The states of messages and calls. Source: Twilio's documentation, "Message status values" and "Call status
# values".
ARRIVED = ("delivered", "read", "completed")
LOST = ("undelivered", "failed", "busy", "no-answer", "canceled")


@dataclass(frozen=True)
class Attempt:
    """One message that Verify has sent, without its recipient. `delivered` is None if it is not known."""

    sid: str
    verification: str
    channel: str
    created: datetime
    converted: bool
    country: str = ""
    delivered: bool | None = None
    price: Decimal = Decimal(0)
    currency: str = ""


def attempts(service: str, after: datetime, before: datetime) -> Iterator[Attempt]:
    """Yield the attempts of a service between two aware datetimes, with one request per page.

    Raises `TwilioUnavailable` and `TwilioRateLimited`.
    """
    with convert_errors(service=True):
        found = get_client().verify.v2.verification_attempts.stream(
            verify_service_sid=service, date_created_after=after, date_created_before=before, page_size=PAGE
        )
        for one in found:
            yield _read(one)


def summary(service: str, after: datetime, before: datetime) -> tuple[int, int]:
    """Return the number of attempts that Twilio counts in that time, and the number that converted."""
    with convert_errors(service=True):
        told = (
            get_client()
            .verify.v2.verification_attempts_summary()
            .fetch(verify_service_sid=service, date_created_after=after, date_created_before=before)
        )
        return int(told.total_attempts), int(told.total_converted)


def _read(one: Any) -> Attempt:
    about = one.channel_data if isinstance(one.channel_data, dict) else {}
    state = str(about.get("message_status") or about.get("call_status") or "").lower()
    price = one.price if isinstance(one.price, dict) else {}
    created = as_utc(one.date_created)
    if created is None or not one.verification_sid:
        raise ValueError("An attempt without a date or a verification")
    return Attempt(
        sid=str(one.sid),
        verification=str(one.verification_sid),
        channel=str(one.channel).lower(),
        created=created,
        converted=str(one.conversion_status).lower() == "converted",
        country=str(about.get("country") or "").upper()[:2],
        delivered=True if state in ARRIVED else False if state in LOST else None,
        price=_amount(price.get("value")),
        currency=str(price.get("currency") or "").lower()[:3],
    )


def _amount(value: Any) -> Decimal:
    """Return an amount of money, 0 or more. Twilio writes charges as text, in some resources as negative."""
    try:
        amount = abs(Decimal(str(value or 0)))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() else Decimal(0)
