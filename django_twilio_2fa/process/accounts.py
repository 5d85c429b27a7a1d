"""Limit the number of accounts that may register the same number or address."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..digests import digests
from ..models.counters import Counter
from ..models.devices import Device, ProvenContact
from ..models.verifications import Purpose, Status, Verification
from .devices import has_callback
from .subject import Subject

SCOPE = "accounts"
DAY = 86400

# A site with fields of its own stores a number after the approval. Until then the approval itself counts.
UNTIL_STORED = timedelta(minutes=10)

SITE_VALUE = "site_value"
"""The key in the `details` of a verification whose value the site already stores for its user."""


def is_full(subject: Subject, row: Verification, *, lock: bool = False) -> bool:
    """Return whether `MAX_ACCOUNTS_PER_DESTINATION` other accounts already have the row's destination.

    An account that has the destination already may keep it. `lock`: make registrations of the destination
    wait for each other until this transaction ends.
    """
    contact = row.contact
    if contact is None or row.details.get(SITE_VALUE):
        return False
    most = subject.setting("MAX_ACCOUNTS_PER_DESTINATION")
    if most is None:
        return False
    if lock:
        _lock(row.destination_digest)
    have = users_with(row.kind, digests(row.kind, contact.identity))
    return row.user_id not in have and len(have) >= most


def users_with(kind: str, written: list[str]) -> set[Any]:
    """Return the primary keys of users who have registered a destination. `written`: its digests."""
    if not has_callback(kind):
        return set(Device.objects.filter(kind=kind, digest__in=written).values_list("user_id", flat=True))
    proven = ProvenContact.objects.filter(kind=kind, digest__in=written)
    lately = Verification.objects.filter(
        kind=kind,
        destination_digest__in=written,
        purpose=Purpose.ENROL,
        status=Status.APPROVED,
        approved_at__gt=timezone.now() - UNTIL_STORED,
        user__isnull=False,
    )
    found = proven.order_by().values_list("user_id").union(lately.order_by().values_list("user_id"))
    return {user for (user,) in found}


def _lock(digest: str) -> None:
    """Lock a destination by two rows: today's and tomorrow's, because a request may run over midnight."""
    today = int(time.time()) // DAY * DAY
    Counter.objects.increment({(SCOPE, digest, today): 1, (SCOPE, digest, today + DAY): 1})
