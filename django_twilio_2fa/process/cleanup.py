"""Delete what is old, and delete removed devices at their provider, with retries until that succeeds."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from .. import errors, moments
from ..installed import provider_of
from ..models import Counter, Device, Leftover, Status, Verification
from ..providers import MethodProvider
from .reservations import lease_free

logger = logging.getLogger(__name__)

BATCH = 1000


def _provider_of(kind: str) -> MethodProvider | None:
    """Return the provider that deletes devices of this kind, if one does."""
    provider = provider_of(kind)
    keeps = provider is not None and type(provider).remove is not MethodProvider.remove
    return provider if keeps else None


def note(sender: Any, instance: Device, **kwargs: Any) -> None:
    """Note a deleted device, for its provider. Receives `post_delete`, which includes cascades."""
    if _provider_of(instance.kind) is not None:
        left = Leftover.objects.create(kind=instance.kind, value=instance.value, data=instance.data)
        transaction.on_commit(partial(clear, left), robust=True)


def clear(left: Leftover) -> bool:
    """Delete it at the provider. Returns whether it is gone."""
    provider = _provider_of(left.kind)
    if provider is None:
        return False
    try:
        provider.remove(Device(kind=left.kind, value=left.value, data=left.data))
    except errors.TwoFactorError as e:
        logger.warning("A removed %s is left at its provider's, to be tried again: %s", left.kind, e)
        return False
    except Exception as e:
        # A provider may raise anything; the others are tried all the same.
        logger.error("A removed %s is left at its provider's: %s", left.kind, type(e).__name__)
        return False
    left.delete()
    return True


def clear_all(*, dry_run: bool = False) -> int:
    """Try all again. Returns how many are gone, or with `dry_run` how many there are."""
    if dry_run:
        return int(Leftover.objects.count())
    return sum(clear(left) for left in Leftover.objects.order_by("pk").iterator())


def prune(age: timedelta, *, dry_run: bool = False) -> dict[str, int]:
    """Delete verifications and counts older than `age`, in batches, and blank destinations left behind.

    Returns how many of each; with `dry_run` how many there are.
    """
    now = timezone.now()
    left = Verification.objects.filter(lease_free(), expires_at__lte=now).exclude(destination="")
    old = Verification.objects.filter(created_at__lt=now - age, expires_at__lte=now)
    counts = Counter.objects.filter(window__gt=0, window__lt=int(moments.aware(now - age).timestamp()))
    if dry_run:
        return {"destinations": left.count(), "verifications": old.count(), "counts": counts.count()}
    ended = {"status": Status.EXPIRED, "pending_key": None, "ended_at": now}
    blanked = left.filter(status=Status.PENDING).update(destination="", **ended)
    blanked += left.update(destination="")
    return {"destinations": blanked, "verifications": _delete(old), "counts": _delete(counts)}


def _delete(rows: QuerySet[Any]) -> int:
    """In batches, so that no lock is held for long."""
    n = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        n += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return n
