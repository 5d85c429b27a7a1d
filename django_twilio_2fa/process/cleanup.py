"""Delete old rows, and delete removed devices at their provider, with retries until that succeeds."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from .. import errors, moments
from ..conf import conf
from ..models.browsers import TrustedBrowser
from ..models.counters import Counter, Lock, PendingDeletion
from ..models.devices import Device
from ..models.pauses import Pause
from ..models.verifications import Status, Verification, lease_free
from ..providers import MethodProvider
from ..providers.installed import provider_of
from . import budgets, conversion, folding, rate_limits

logger = logging.getLogger(__name__)

BATCH = 1000
PAUSES_KEPT_FOR = timedelta(days=2)


def _provider_of(kind: str) -> MethodProvider | None:
    """Return the provider that deletes devices of this kind, if one does."""
    provider = provider_of(kind)
    keeps = provider is not None and type(provider).remove is not MethodProvider.remove
    return provider if keeps else None


def schedule_deletion(sender: Any, instance: Device, **kwargs: Any) -> None:
    """Schedule the deletion of a device at its provider. Receives `post_delete`, also for cascades."""
    if _provider_of(instance.kind) is not None:
        left = PendingDeletion.objects.create(kind=instance.kind, value=instance.value, data=instance.data)
        transaction.on_commit(partial(delete_pending, left), robust=True)


def delete_pending(left: PendingDeletion) -> bool:
    """Delete a removed device at its provider. Returns whether that succeeded."""
    provider = _provider_of(left.kind)
    if provider is None:
        return False
    try:
        provider.remove(Device(kind=left.kind, value=left.value, data=left.data))
    except errors.TwoFactorError as e:
        logger.warning(
            "A removed %s could not be deleted at its provider (%s). The deletion will be retried.",
            left.kind,
            e,
        )
        return False
    except Exception as e:
        # A provider may raise any error. The remaining deletions are tried all the same.
        logger.error("A removed %s could not be deleted at its provider: %s", left.kind, type(e).__name__)
        return False
    left.delete()
    return True


def delete_all_pending(*, dry_run: bool = False) -> int:
    """Retry all pending deletions. Returns the number of successes, or with `dry_run` of pending ones."""
    if dry_run:
        return int(PendingDeletion.objects.count())
    return sum(delete_pending(left) for left in PendingDeletion.objects.order_by("pk").iterator())


def prune(age: timedelta, *, dry_run: bool = False) -> dict[str, int]:
    """Delete verifications and counters older than `age`, and ended locks and browsers, in batches.

    Counters within the period of a limit stay: without them, the limit would start again, and a used code
    would work again. Ended verifications are added to the daily figures first, also those that stay.
    Destinations that expired verifications still contain are blanked.

    Returns the number of rows of each kind. With `dry_run`, nothing is changed.
    """
    now = timezone.now()
    left = Verification.objects.filter(lease_free(), expires_at__lte=now).exclude(destination="")
    old = Verification.objects.filter(created_at__lt=now - age, expires_at__lte=now)
    uncounted = moments.aware(now - max(age, _counts_kept_for()))
    counts = Counter.objects.filter(window__gt=0, window__lt=int(uncounted.timestamp()))
    ended = Q(until__lte=int(moments.aware(now).timestamp()))
    # The breaker reads the pauses of the last day.
    lately = Q(scope=Pause.SCOPE, until__gt=int(moments.aware(now - PAUSES_KEPT_FOR).timestamp()))
    locks = Lock.objects.filter(ended & ~lately)
    kept_for = timedelta(seconds=conf.seconds("TRUSTED_BROWSER_AGE")) if conf.TRUSTED_BROWSER_AGE else age
    browsers = TrustedBrowser.objects.filter(trusted_at__lte=now - kept_for)
    if dry_run:
        return {
            "destinations": left.count(),
            "verifications": old.count(),
            "counts": counts.count(),
            "locks": locks.count(),
            "browsers": browsers.count(),
        }
    folding.fold()
    old = old.filter(in_figures=True)
    expired = {"status": Status.EXPIRED, "pending_key": None, "ended_at": now}
    blanked = left.filter(status=Status.PENDING).update(destination="", **expired)
    blanked += left.update(destination="")
    return {
        "destinations": blanked,
        "verifications": _delete(old),
        "counts": _delete(counts),
        "locks": _delete(locks),
        "browsers": _delete(browsers),
    }


def _counts_kept_for() -> timedelta:
    """Return the longest period in which a counter may count: of all limits, budgets and the breaker."""
    periods = [rate_limits.rates(name) for name in rate_limits.DEFAULTS if name != rate_limits.CONSECUTIVE]
    for budget in budgets.all_budgets():
        periods += [budget.rates("messages"), budget.rates("money")]
    longest = max((seconds for rates in periods for _most, seconds in rates), default=0)
    return timedelta(seconds=max(conversion.MONTH, longest))


def _delete(rows: QuerySet[Any]) -> int:
    """Delete rows in batches, so that no lock is held for long. Returns the number of deleted rows."""
    n = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        n += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return n
