"""Prevent a value, such as a code, from being used twice within a period."""

from __future__ import annotations

import time
from typing import Any

from django.db import IntegrityError, transaction

from ..digests import digests
from ..models.contention import again
from ..models.counters import Counter

SCOPE = "once"


def is_used(*parts: Any, seconds: int) -> bool:
    """Return whether a value was used. To mark a value as used, call `use_once`."""
    since, keys = int(time.time()) - seconds, digests("once", *parts)
    return bool(Counter.objects.filter(scope=SCOPE, key__in=keys, window__gt=since).exists())


def use_once(*parts: Any, seconds: int) -> bool:
    """Mark a value as used, for at least that many seconds. Return False if it was used already.

    Only the keyed digest is stored. Of several concurrent calls, one returns True.
    """
    now, keys = int(time.time()), digests("once", *parts)
    if is_used(*parts, seconds=seconds):
        return False
    step = now - now % seconds
    # Concurrent calls conflict in one of these rows, even if a step ends between them.
    rows = [Counter(scope=SCOPE, key=keys[0], window=window, n=1) for window in (step, step + seconds)]

    def use() -> None:
        with transaction.atomic():
            Counter.objects.bulk_create(rows)

    try:
        again(use)
    except IntegrityError:
        return False
    return True
