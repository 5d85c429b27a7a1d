"""Pause sends: by method, by place, or of registrations only. Pauses are read together with locks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

from .. import errors
from ..contacts import Contact, PhoneNumber
from ..models.contention import again
from ..models.pauses import Pause
from ..models.verifications import Purpose, Verification
from ..providers import MethodProvider
from . import places
from .limit_rows import LockKey, store_lock

logger = logging.getLogger(__name__)

SCOPE = Pause.SCOPE
REGISTRATIONS = "registrations"
COMMAND, ADMIN, BREAKER = "command", "admin", "breaker"
TRIPS, BRIEF, LIFTED = "trips", "brief", "lifted"
LONGEST_METHOD, LONGEST_REASON = 16, 200


def key_of(method: str, place: str, registrations: bool) -> str:
    """Return the key of a pause. Names of methods are cut, so that the key fits in its column."""
    return f"{method[:LONGEST_METHOD]}|{place}|{REGISTRATIONS if registrations else ''}"


def keys_for(method: str, places: Iterable[str] = (), *, registers: bool = False) -> list[LockKey]:
    """Return the keys of the pauses that stop a send by a method to a number in these places.

    `registers`: nobody has proven the number or address yet.
    """
    which = (False, True) if registers else (False,)
    found = product({"", method}, {"", *places}, which)
    return [(SCOPE, key_of(*each)) for each in found]


def is_registration(row: Verification) -> bool:
    """Return whether a verification goes to a destination that its user has not proven yet."""
    return row.purpose == Purpose.ENROL or (row.user_id is None and not row.is_unauthenticated)


def keys_of(row: Verification, provider: MethodProvider) -> list[LockKey]:
    """Return the keys of the pauses that stop a send of a verification. Empty for a method without sends."""
    return keys_for_send(provider, row.contact, row.country, registers=is_registration(row))


def keys_for_send(
    provider: MethodProvider, contact: Contact | None, country: str, *, registers: bool
) -> list[LockKey]:
    """Return the keys of the pauses that stop a send to a contact. Empty for a method without sends."""
    if not provider.sends:
        return []
    if registers and isinstance(contact, PhoneNumber):
        return keys_for(provider.name, places.of_number(contact), registers=True)
    return keys_for(provider.name, [country] if country else [], registers=registers)


def error_of(found: dict[LockKey, int]) -> errors.SendingPaused | None:
    """Return the error for the pauses among active locks. None if there are none."""
    ends = {key: until for (scope, key), until in found.items() if scope == SCOPE}
    if not ends:
        return None
    only_new = all(key.endswith(f"|{REGISTRATIONS}") for key in ends)
    kind = errors.RegistrationsPaused if only_new else errors.SendingPaused
    until = max(ends.values())
    return kind() if until == Pause.FOR_EVER else kind(retry_after=max(1, until - int(time.time())))


# Pausing and resuming


def pause(
    method: str = "",
    place: str = "",
    *,
    registrations: bool = False,
    until: int = Pause.FOR_EVER,
    reason: str = "",
    by: str = COMMAND,
    **more: Any,
) -> Pause:
    """Pause sends until a Unix time, or change a pause. The next send is already stopped.

    `place`: a country, or another place of `places`. `more` is stored in the `details` of the row.
    """
    details = {"method": method, "place": place, "registrations": registrations}
    details |= {"reason": reason[:LONGEST_REASON], "by": by, "since": int(time.time()), **more}
    key, values = key_of(method, place, registrations), {"until": until, "details": details}
    row, _created = again(partial(Pause.objects.update_or_create, scope=SCOPE, key=key, defaults=values))
    logger.warning("Sending was paused by %s: %s until %s. %s", by, row.key, row.ends or "resumed", reason)
    return row


def begin(method: str, place: str, *, seconds: int, reason: str, **more: Any) -> None:
    """Pause registrations for `seconds`, unless they are paused. Only one concurrent request does it."""
    now, key = int(time.time()), key_of(method, place, registrations=True)
    details = {"method": method, "place": place, "registrations": True, "reason": reason, "by": BREAKER}
    if not store_lock(SCOPE, key, until=now + seconds, details={**details, "since": now, **more}):
        return
    logger.warning("Registrations were stopped by the breaker for %d seconds: %s. %s", seconds, key, reason)


def extend(row: Pause, until: int, *, by: str) -> bool:
    """Change the end of an active pause. Returns False if the pause has ended."""
    changed = Pause.objects.lasting().filter(pk=row.pk).update(until=until)
    if changed:
        logger.warning("A pause was extended by %s: %s until %s", by, row.key, until)
    return bool(changed)


def resume(rows: Iterable[Pause], *, by: str) -> list[Pause]:
    """End pauses. Returns the pauses that were active.

    The rows stay until they are pruned, because the breaker counts only sends after the end of a pause.
    """
    ended = []
    for row in rows:
        details = {**(row.details or {}), LIFTED: True}
        if Pause.objects.lasting().filter(pk=row.pk).update(until=int(time.time()), details=details):
            ended.append(row)
            logger.warning("Sending was resumed by %s: %s", by, row.key)
    return ended
