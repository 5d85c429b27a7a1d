"""What is left at a provider's of devices that are gone: removed there, too, and tried again until it is."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import transaction

from .. import errors
from ..installed import provider_of
from ..models import Device, Leftover
from ..providers import MethodProvider

logger = logging.getLogger(__name__)


def _provider_of(kind: str) -> MethodProvider | None:
    """Who keeps something of this kind of device, if anybody."""
    provider = provider_of(kind)
    keeps = provider is not None and type(provider).remove is not MethodProvider.remove
    return provider if keeps else None


def note(sender: Any, instance: Device, **kwargs: Any) -> None:
    """Receiver of `post_delete`: however a device goes, by its user, the admin or with its user."""
    if _provider_of(instance.kind) is not None:
        left = Leftover.objects.create(kind=instance.kind, value=instance.value, data=instance.data)
        transaction.on_commit(partial(clear, left), robust=True)


def clear(left: Leftover) -> bool:
    """Remove it at the provider's; returns whether it is gone."""
    provider = _provider_of(left.kind)
    if provider is None:
        return False
    try:
        provider.remove(Device(kind=left.kind, value=left.value, data=left.data))
    except errors.TwoFactorError as e:
        logger.warning("A removed %s is left at its provider's, to be tried again: %s", left.kind, e)
        return False
    except Exception as e:
        # Somebody's provider may raise anything; the others' turn comes all the same.
        logger.error("A removed %s is left at its provider's: %s", left.kind, type(e).__name__)
        return False
    left.delete()
    return True


def clear_all(*, dry_run: bool = False) -> int:
    """Try all again; returns how many are gone, or with `dry_run` how many there are."""
    if dry_run:
        return int(Leftover.objects.count())
    return sum(clear(left) for left in Leftover.objects.order_by("pk").iterator())
