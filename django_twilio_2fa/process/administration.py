"""Help a user from outside their session: show status, unlock, remove devices, end verifications."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from .. import moments
from ..models.browsers import TrustedBrowser
from ..models.contention import again
from ..models.counters import Lock
from ..models.devices import Device
from ..models.verifications import Status, Verification
from ..notices import tell_owner
from . import approval, browsers, events, lockout, reservations, wording
from .devices import from_device, get_registered, is_backup

RECENT = 10


def unlock(user: Any, request: Any = None) -> int:
    """End a user's locks, and let the user start again at once. Returns the number of locks and rows."""
    ended = reservations.unlock(user)
    if ended:
        events.unlocked(user, request, ended)
    return ended


def revoke(user: Any, request: Any = None) -> int:
    """End a user's verifications in every session, and forget all of the user's browsers.

    Returns the number of verifications that were ended.
    """
    browsers.end_all(user, "administrator", request)
    rows = Verification.objects.filter(user=user, status=Status.APPROVED, verifies_session=True)
    ended = int(rows.update(verifies_session=False))
    if ended:
        events.revoked(user, request, ended)
    return ended


def remove(user: Any, devices: Iterable[Device], request: Any = None) -> list[str]:
    """Remove devices of a user, and e-mail the owner. Backups are removed with the last device.

    Returns the removed devices as the e-mail names them.
    """
    return again(partial(_remove, user, [device.pk for device in devices], request))


def _remove(user: Any, ids: list[Any], request: Any) -> list[str]:
    template = "twilio_2fa/email/removed"
    with transaction.atomic():
        approval.lock_user(user.pk)
        found = list(Device.objects.filter(user=user, pk__in=ids))
        also = [from_device(device).contact for device in found]
        gone = [_delete(device, request) for device in found]
        left = get_registered(user)
        if all(is_backup(registered) for registered in left):
            gone += [_delete(r.device, request) for r in left if r.device is not None]
        if gone:
            transaction.on_commit(partial(tell_owner, user, template, also=also, gone=gone), robust=True)
    return gone


def _delete(device: Device, request: Any) -> str:
    called = wording.called(device.kind, masked=device.masked, name=device.name)
    device.removed_in = request
    device.delete()
    return called


def status(user: Any) -> dict[str, Any]:
    """Return a user's devices, active locks, browsers and recent verifications. Values are masked."""
    now = int(time.time())
    locks = [lock.until for lock in lockout.locks_of(user) if lock.until > now]
    rows = Verification.objects.filter(user=user).order_by("-created_at")[:RECENT]
    return {
        "user": str(user.pk),
        "username": user.get_username(),
        "devices": [
            {
                "id": registered.id,
                "kind": registered.kind,
                "value": registered.masked,
                "name": registered.device.name if registered.device else "",
                "registered_at": _moment(registered.device and registered.device.registered_at),
                "last_used_at": _moment(registered.device and registered.device.last_used_at),
            }
            for registered in get_registered(user)
        ],
        "locks": [
            {"until": None if until == Lock.FOR_EVER else moments.from_unix(until).isoformat()}
            for until in sorted(locks)
        ],
        "browsers": [
            {
                "id": str(browser.pk),
                "name": browser.name,
                "trusted_at": _moment(browser.trusted_at),
                "last_used_at": _moment(browser.last_used_at),
            }
            for browser in TrustedBrowser.objects.filter(user=user)
        ],
        "verifications": [
            {
                "at": _moment(row.created_at),
                "method": row.method,
                "purpose": row.purpose,
                "value": row.masked,
                "status": row.status,
                "browser": row.browser,
            }
            for row in rows
        ],
    }


def _moment(moment: Any) -> str | None:
    return moments.aware(moment).isoformat() if moment else None
