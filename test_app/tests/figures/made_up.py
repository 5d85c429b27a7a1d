"""Random rows of the past, the same in every run."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_twilio_2fa.models import Status, Verification

METHODS = ("sms", "call", "whatsapp", "email", "totp")
ENDS = (Status.APPROVED, Status.APPROVED, Status.APPROVED, Status.FAILED, Status.EXPIRED, Status.CANCELED)


def a_row(made: random.Random, moment: datetime, user: Any = None, **fields: Any) -> Verification:
    """Return an unstored verification that began at `moment`. Fields that are not given are random."""
    method = fields.pop("method", made.choice(METHODS))
    status = fields.pop("status", made.choice(ENDS))
    sent = made.choice((1, 1, 1, 2, 3)) if method != "totp" else 0
    tally: dict[str, Any] = {method: {"sent": sent, "refused": made.choice((0, 0, 0, 1))}} if sent else {}
    if sent > 1 and method == "sms":
        tally = {"sms": {"sent": sent - 1, "refused": 0}, "call": {"sent": 1, "refused": 0}}
    seconds = min(590, int(made.lognormvariate(3, 0.8)))
    approved = moment + timedelta(seconds=seconds) if status == Status.APPROVED else None
    return Verification(
        **{
            "user": user,
            "purpose": made.choice(("prove", "prove", "prove", "enrol")),
            "transport": "verify",
            "method": method,
            "country": made.choice(("US", "US", "GB", "DE")) if method not in ("email", "totp") else "",
            "status": status,
            "sends": sent or 1,
            "tally": tally,
            "created_at": moment,
            "expires_at": moment + timedelta(minutes=10),
            "ended_at": approved or moment + timedelta(minutes=10),
            "approved_at": approved,
            **fields,
        }
    )


def rows_of_the_last(days: int, each_day: int, user: Any = None, seed: int = 1) -> list[Verification]:
    """Store rows of the last `days` days and return them. Some may still be pending."""
    made, now = random.Random(seed), timezone.now()
    rows = []
    for n in range(days):
        for _ in range(each_day):
            moment = now - timedelta(days=n, seconds=made.randrange(60, 80_000))
            rows.append(a_row(made, moment, user))
    return Verification.objects.bulk_create(rows, batch_size=500)
