"""Describe the choices of a user, and read their limits, locks and pauses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import errors
from ..contacts import identity_of
from ..models.counters import Lock
from ..models.verifications import Purpose
from ..providers import MethodProvider
from . import limit_rows, lockout, pauses, send_limits
from .devices import Devices, Registered
from .limit_rows import LockKey, RateLimit
from .subject import Subject


@dataclass(frozen=True)
class Choice:
    """A method with its device. Without a device while registering, or if the method needs none."""

    provider: MethodProvider
    registered: Registered | None = None
    together: bool = field(default=False, compare=False)
    """True if this stands for several devices, any of which may answer (`MethodProvider.any_device`)."""

    @property
    def masked(self) -> str:
        return self.registered.masked if self.registered and not self.together else ""

    @property
    def device_name(self) -> str:
        """The user's name for the device. Empty if it has no name, or if the choice has several devices."""
        device = self.registered.device if self.registered and not self.together else None
        return device.name if device else ""

    @property
    def device_id(self) -> str:
        return self.registered.id if self.registered else ""

    @property
    def registers(self) -> bool:
        """Return whether a device has to be registered first."""
        return self.registered is None and self.provider.device_kind is not None


@dataclass(frozen=True)
class Fallback:
    """Another method to offer for a verification.

    `after`: the seconds until it is offered. `resends`: the method sends the same code again, by the same
    transport to the same destination.
    """

    choice: Choice
    after: int
    resends: bool


def purpose_of(devices: Devices, choice: Choice) -> Purpose:
    """Return the purpose of a verification by this choice."""
    unproven = choice.registered is not None and choice.registered is devices.unproven()
    return Purpose.ENROL if choice.registers or unproven else Purpose.PROVE


def grouped(choices: Iterable[Choice]) -> list[Choice]:
    """Keep one choice per method with `any_device`, because the user does not pick a device for it."""
    found: dict[Any, Choice] = {}
    for choice in choices:
        several = choice.provider.any_device and choice.registered is not None
        key = choice.provider.name if several else (choice.provider.name, choice.device_id)
        first = found.get(key)
        found[key] = choice if first is None else replace(first, together=True)
    return list(found.values())


class Standing:
    """The limits, locks, blocks and pauses of choices, read in one query."""

    def __init__(self, subject: Subject, devices: Devices, choices: Sequence[Choice]) -> None:
        self.subject = subject
        self._devices = devices
        self._counts = {choice: self._counts_of(choice) for choice in choices}
        groups = {choice.provider.lockout_group for choice in choices}
        self._locks = {group: lockout.lock_keys(subject.user, subject.flow, group) for group in groups}
        pairs = {(c.provider.name, identity) for c in choices if (identity := self._identity(c))}
        self._blocks = lockout.block_keys(subject.user, pairs)
        self._pauses = {choice: self._pauses_of(choice) for choice in choices}
        counts = dict.fromkeys(count for each in self._counts.values() for count in each)
        locks = [key for keys in self._locks.values() for key in keys]
        locks += [key for keys in self._pauses.values() for key in keys]
        self._looked_for = {*locks, *self._blocks}
        self._found = limit_rows.read([*counts], self._looked_for)

    def _counts_of(self, choice: Choice) -> list[RateLimit]:
        contact = choice.registered.contact if choice.registered else None
        purpose = purpose_of(self._devices, choice)
        return send_limits.send_counts(self.subject.user, choice.provider, purpose, contact)

    def _pauses_of(self, choice: Choice) -> list[LockKey]:
        contact = choice.registered.contact if choice.registered else None
        registers = purpose_of(self._devices, choice) == Purpose.ENROL or self.subject.user is None
        country = getattr(contact, "country_code", "")
        return pauses.keys_for_send(choice.provider, contact, country, registers=registers)

    @staticmethod
    def _identity(choice: Choice) -> str:
        return identity_of(choice.registered.contact) if choice.registered else ""

    def covers(self, choices: Sequence[Choice]) -> bool:
        """Return whether all of these choices have been read."""
        return all(choice in self._counts for choice in choices)

    def is_blocked(self, choice: Choice) -> bool:
        """Return whether a choice's method was refused as fraud for its user and destination."""
        pair = choice.provider.name, self._identity(choice)
        return any(self._blocks[key] == pair for key in self._found.locks if key in self._blocks)

    def locked_for(self, choice: Choice) -> int:
        """Return the number of seconds that a choice is locked, or `Lock.FOR_EVER`. 0 if not locked."""
        keys = self._locks[choice.provider.lockout_group]
        return lockout.seconds_until(max((self._found.locks.get(key, 0) for key in keys), default=0))

    def paused(self, choice: Choice) -> errors.SendingPaused | None:
        """Return the error of a pause that stops a choice. None if there is none."""
        lasting = self._found.locks
        return pauses.error_of({key: lasting[key] for key in self._pauses[choice] if key in lasting})

    def wait(self, choice: Choice) -> int:
        """Return the number of seconds until a send of a choice is within its limits. 0 for now."""
        return self._found.wait(self._counts[choice])

    def wait_of(self, counts: Sequence[RateLimit], locks: Sequence[LockKey] = ()) -> int:
        """Return the number of seconds until an action is within its limits. One query, unless read before.

        `Lock.FOR_EVER` if one of `locks` is active.
        """
        known = all(count in self._found.counters for count in counts) and self._looked_for.issuperset(locks)
        found = self._found if known else limit_rows.read(counts, locks)
        return Lock.FOR_EVER if any(key in found.locks for key in locks) else found.wait(counts)
