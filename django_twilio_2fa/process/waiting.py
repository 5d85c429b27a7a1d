"""Find when a method may be used, and a method to offer instead of one that does not work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from .. import errors
from ..contacts import CONTACTS, identity_of
from ..models.verifications import Status, Verification
from ..providers import MethodProvider
from ..providers.installed import get_providers
from . import pauses, reservations, send_limits, verifications
from .choices import Choice, Fallback, Standing, grouped, purpose_of
from .methods import Methods
from .provider_call import service_id

# Twilio advises to offer a call after the third message. This package also offers it after a minute.
SENDS_BEFORE_ANOTHER = 3
WAIT_BEFORE_ANOTHER = timedelta(seconds=60)


def fallback(available: Methods, row: Verification, *, failing: bool = False) -> Fallback | None:
    """Return another method to offer for a verification, at once if its own is `failing`; or None.

    A method that a limit, lock or pause would refuse is not offered. A cooldown alone does not matter.
    """
    if not get_providers()[row.method].sends:
        return None
    others = [c for c in grouped(available.alternatives(row)) if c.provider.name != row.method]
    others.sort(key=lambda c: (not _resends(c, row), c.provider.is_backup))
    best = next((c for c in others if _may_send(available, c, row)), None)
    if best is None:
        return None
    waited = row.sends >= SENDS_BEFORE_ANOTHER or failing
    # Count from this site's send: Twilio's verification may be older, if somebody else began it.
    left = ((row.last_sent_at or timezone.now()) + WAIT_BEFORE_ANOTHER - timezone.now()).total_seconds()
    return Fallback(best, 0 if waited else max(0, math.ceil(left)), _resends(best, row))


def wished(available: Methods, row: Verification, method: str) -> Fallback | None:
    """Return the method that the user asked for during another one's cooldown, to offer it; or None."""
    for choice in available.alternatives(row):
        if choice.provider.name == method and _resends(choice, row) and _may_send(available, choice, row):
            return Fallback(choice, 0, resends=True)
    return None


def _resends(choice: Choice, row: Verification) -> bool:
    """Return whether the choice sends the same code again to the same destination."""
    if choice.provider.transport != row.transport:
        return False
    registered = choice.registered
    if registered is None:
        return True
    if row.device_id is not None:
        return registered.device is not None and registered.device.pk == row.device_id
    return identity_of(registered.contact) == row.identity


def _may_send(available: Methods, choice: Choice, row: Verification) -> bool:
    """Return whether a send by another method, instead of a running verification, would be allowed."""
    if _resends(choice, row):
        return wait_to_resend(available, row, choice.provider) <= row.can_resend_in()
    return bool(usable_now(available, [choice]))


def wait_to_resend(available: Methods, row: Verification, provider: MethodProvider | None = None) -> int:
    """Return the number of seconds until a pending verification's code may be sent again. 0 for now.

    `provider`: the method, if pauses count. `Lock.FOR_EVER` if a pause is active. One query, unless the
    choices have been read since the last send.
    """
    if not row.sends_left:
        return reservations.until_over(row)
    subject = available.subject
    current = get_providers()[row.method]
    counts = send_limits.send_counts(subject.user, current, row.purpose, row.contact)
    standing = available.standing or Standing(subject, available.devices, [])
    paused = pauses.keys_of(row, provider) if provider is not None else []
    return max(row.can_resend_in(), standing.wait_of(counts, paused))


def usable_now(available: Methods, choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices that no limit, lock or pause refuses now."""
    now = zip(choices, waits(available, choices), paused(available, choices), strict=True)
    return [choice for choice, wait, stopped in now if not wait and stopped is None]


def _standing(available: Methods, choices: Sequence[Choice]) -> Standing:
    standing = available.standing
    if standing is None or not standing.covers(choices):
        standing = available.standing = Standing(available.subject, available.devices, choices)
    return standing


def paused(available: Methods, choices: Sequence[Choice]) -> list[errors.SendingPaused | None]:
    """Return the error of a pause that stops a choice, or None, for each choice. No query after `waits`."""
    standing = _standing(available, choices)
    return [standing.paused(choice) for choice in choices]


def waits(available: Methods, choices: Sequence[Choice]) -> list[int]:
    """Return the number of seconds until each choice can be used, 0 for now. Two queries at most.

    Locks, limits of sends, and a running verification without sends or attempts left count. A cooldown does
    not count, because the code that was sent still works. `Lock.FOR_EVER` if only an unlock ends the wait.
    """
    standing = _standing(available, choices)
    keys = [_keys_of(available, c) for c in choices]
    found = Verification.objects.filter(pending_key__in=[key for each in keys for key in each])
    held = {row.pending_key: row for row in found.filter(expires_at__gt=timezone.now())}
    return [
        max(
            standing.locked_for(choice),
            standing.wait(choice),
            *(
                reservations.until_over(held[key])
                for key in own
                if key in held and _is_used_up(held[key], choice)
            ),
        )
        for choice, own in zip(choices, keys, strict=True)
    ]


def _is_used_up(row: Verification, choice: Choice) -> bool:
    if row.status != Status.PENDING or not row.attempts_left:
        return True
    return choice.provider.sends and not row.sends_left


def _keys_of(available: Methods, choice: Choice) -> list[str]:
    """Return the keys of the verification that a choice would continue."""
    if choice.registers and choice.provider.device_kind in CONTACTS:
        return []  # the number or address has not been entered yet
    registered, purpose = choice.registered, purpose_of(available.devices, choice)
    contact = registered.contact if registered else None
    device = registered.device if registered and not contact else None
    service = service_id(available.subject, choice.provider, purpose)
    return verifications.keys_for(available.subject, choice.provider, purpose, contact, device, service)
