"""Say when a method may be used, and which one to offer instead of one that does not work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from ..conf import conf
from ..contacts import CONTACTS, identity_of
from ..installed import get_providers
from ..models import Purpose, Status, Verification
from . import lockout, pending, rate_limits, reservations
from .methods import Choice, Fallback, Methods
from .provider_call import service_id
from .subject import Subject

# Twilio's advice is to offer a call after the third message. After a minute it is offered, too.
SENDS_BEFORE_ANOTHER = 3
WAIT_BEFORE_ANOTHER = timedelta(seconds=60)


def fallback(available: Methods, row: Verification, *, failing: bool = False) -> Fallback | None:
    """Return another method to offer for a verification, at once where its own is `failing`; or None.

    A method that would be refused, because so many codes have been sent or entered, is not offered, unless
    only a cooldown is in its way.
    """
    if not get_providers()[row.method].sends:
        return None
    others = [c for c in available.alternatives(row) if c.provider.name != row.method]
    others.sort(key=lambda c: (not _resends(c, row), c.provider.is_backup))
    best = next((c for c in others if _may_send(available, c, row)), None)
    if best is None:
        return None
    waited = row.sends >= SENDS_BEFORE_ANOTHER or failing
    # From our own send on: Twilio's verification may be older, if somebody else began it.
    left = ((row.last_sent_at or timezone.now()) + WAIT_BEFORE_ANOTHER - timezone.now()).total_seconds()
    return Fallback(best, 0 if waited else max(0, math.ceil(left)), _resends(best, row))


def wished(available: Methods, row: Verification, method: str) -> Fallback | None:
    """Return a method that the user asked for during another one's cooldown, to offer it; or None."""
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
        return wait_to_resend(available.subject, row) <= row.can_resend_in()
    return bool(usable_now(available, [choice]))


def wait_to_resend(subject: Subject, row: Verification) -> int:
    """Return in how many seconds a pending verification's code may be sent again; 0 for now. One query."""
    if row.sends >= conf.MAX_SENDS:
        return reservations.until_over(row)
    counts = reservations.send_counts(subject.user, row, get_providers()[row.method])
    [wait] = rate_limits.wait_for([counts])
    return max(row.can_resend_in(), wait)


def usable_now(available: Methods, choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices that a send would not be refused for, because of what was sent and entered."""
    return [choice for choice, wait in zip(choices, waits(available, choices), strict=True) if not wait]


def waits(available: Methods, choices: Sequence[Choice]) -> list[int]:
    """Return in how many seconds each choice can be used; 0 for now. Four queries at most.

    Locks count, limits of sends, and a running verification that takes no more sends or tokens. A cooldown
    does not: the code that was sent still works. See also `lockout.FOR_EVER`.
    """
    subject = available.subject
    locked = {
        group: lockout.locked_for(subject.user, subject.flow, group)
        for group in {c.provider.counted_apart for c in choices}
    }
    keys = [_keys_of(available, c) for c in choices]
    found = Verification.objects.filter(pending_key__in=[key for each in keys for key in each])
    held = {row.pending_key: row for row in found.filter(expires_at__gt=timezone.now())}
    limited = rate_limits.wait_for(
        [reservations.send_counts(subject.user, _would_be(available, c), c.provider) for c in choices]
    )
    return [
        max(
            locked[choice.provider.counted_apart],
            wait,
            *(
                reservations.until_over(held[key])
                for key in own
                if key in held and _is_used_up(held[key], choice)
            ),
        )
        for choice, own, wait in zip(choices, keys, limited, strict=True)
    ]


def _is_used_up(row: Verification, choice: Choice) -> bool:
    if row.status != Status.PENDING or row.attempts >= conf.MAX_ATTEMPTS:
        return True
    return bool(row.sends >= conf.MAX_SENDS and choice.provider.sends)


def _would_be(available: Methods, choice: Choice) -> Verification:
    """Return the verification that a choice would begin, unsaved; without destination if it registers."""
    registered = choice.registered
    proves = choice.provider.device_kind is None or (
        registered is not None and registered is not available.devices.unproven()
    )
    contact = registered.contact if registered else None
    device = registered.device if registered else None
    purpose = Purpose.PROVE if proves else Purpose.ENROL
    fields = pending.new_fields(choice.provider, purpose, contact, device)
    return Verification(user=available.subject.user, **fields)


def _keys_of(available: Methods, choice: Choice) -> list[str]:
    """Return the keys of the verification that a choice would go on with."""
    registered = choice.registered
    enrols = registered is None and choice.provider.device_kind is not None
    if enrols and choice.provider.device_kind in CONTACTS:
        return []  # the number or address has not been entered yet
    if registered is not None and registered is available.devices.unproven():
        enrols = True
    purpose = Purpose.ENROL if enrols else Purpose.PROVE
    contact = registered.contact if registered else None
    device = registered.device if registered and not contact else None
    service = service_id(available.subject, choice.provider, purpose)
    return pending.keys_for(available.subject, choice.provider, purpose, contact, device, service)
