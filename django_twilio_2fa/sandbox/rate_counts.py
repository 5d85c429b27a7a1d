"""Count sends in the buckets of rate limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from . import store
from .models import SandboxRateCount, SandboxResource
from .twilio_errors import CODES, Refused

LIMIT, BUCKET = "rate_limit", "bucket"


class Reached(Refused):
    """A rate limit of the service is reached."""

    def __init__(self, name: str, seconds: int) -> None:
        super().__init__(20429, *CODES[20429])
        self.name = name
        self.seconds = seconds

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.seconds), "Twilio-Reached-Rate-Limit": self.name}


def count(service: str, given: Mapping[str, Any]) -> None:
    """Count a send in each bucket of the limits that it names. Raises `Reached` at the first full bucket.

    Names of limits that the service does not have are ignored. A refused send stays counted in the buckets
    before the full one.
    """
    for limit in store.rows(LIMIT, service_sid=service, name__in=[str(name) for name in given]):
        for bucket in store.rows(BUCKET, parent_sid=limit.sid):
            _take(limit.name, bucket, str(given[limit.name]))


def _take(name: str, bucket: SandboxResource, value: str) -> None:
    most, interval = bucket.data["max"], timedelta(seconds=bucket.data["interval"])
    now = timezone.now()
    key = hashlib.sha256(value.encode()).hexdigest()
    rows = SandboxRateCount.objects.filter(bucket_sid=bucket.sid, value=key)
    if rows.filter(since__lte=now - interval).update(since=now, count=1):
        return
    if rows.filter(count__lt=most).update(count=F("count") + 1):
        return
    row = rows.first()
    if row is None:
        try:
            with transaction.atomic():
                SandboxRateCount.objects.create(bucket_sid=bucket.sid, value=key, since=now, count=1)
        except IntegrityError:
            # A concurrent request has created the row.
            _take(name, bucket, value)
        return
    raise Reached(name, max(1, round((row.since + interval - now).total_seconds())))
