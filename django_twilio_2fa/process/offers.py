"""Describe the methods that a user may use, and find the method for a choice or a destination."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from .. import errors
from ..contacts import CONTACTS, Contact
from ..models.verifications import Verification
from ..providers import MethodProvider
from ..providers.installed import get_providers
from .choices import Choice
from .methods import Methods


def listed(available: Methods) -> list[dict[str, Any]]:
    """Return each method's `value`, `label`, `icon`, `obfuscated` and `devices`.

    Each device has `id`, `name` and `obfuscated`; `send(device=…)` takes the id. A method's `obfuscated` is
    that of its first device. An anonymous visitor gets each method that takes a number or an address.
    """
    if available.subject.user is None:
        choices = [Choice(p) for p in available.allowed() if p.device_kind in CONTACTS]
    else:
        choices = available.choices()
    found: dict[str, dict[str, Any]] = {}
    for choice in choices:
        shown = choice.provider.display(user=available.subject.user, request=available.subject.request)
        new = {**shown, "label": str(shown["label"]), "obfuscated": choice.masked, "devices": []}
        entry = found.setdefault(choice.provider.name, new)
        if choice.registered is not None:
            device = choice.registered.device
            entry["devices"].append(
                {
                    "id": choice.registered.id,
                    "name": device.name if device else "",
                    "obfuscated": choice.masked,
                }
            )
    return list(found.values())


def registration_data(row: Verification) -> dict[str, Any]:
    """Return the data that a user has to see of a device whose registration has just begun."""
    return get_providers()[row.method].get_registration_data(row, secret=row.secret or {})


def pick(choices: Iterable[Choice], method: str, device: str = "") -> Choice:
    """Return the choice with this method and device id. Without an id: the default device, else the oldest.

    Raises `MethodNotAllowed`.
    """
    found = [c for c in choices if c.provider.name == method and device in ("", c.device_id)]
    if not found:
        raise errors.MethodNotAllowed(method=method)
    return min(found, key=_age)


def _age(choice: Choice) -> tuple[bool, float]:
    """Return a key that sorts by age, the default device first."""
    device = choice.registered.device if choice.registered else None
    return not _is_default(choice), device.registered_at.timestamp() if device else 0


def _is_default(choice: Choice) -> bool:
    return choice.registered is not None and choice.registered.default_at is not None


def last_used_first(choices: list[Choice]) -> list[Choice]:
    """Return the choices with the default first, and then the device and method that were used last.

    Backups stay where they are. So does a number or address that the site stores itself.
    """

    def used_at(choice: Choice) -> float:
        device = choice.registered.device if choice.registered else None
        if device is None or device.last_used_at is None or choice.provider.is_backup:
            return 0
        return device.last_used_at.timestamp() if device.last_method == choice.provider.name else 0

    last = max(map(used_at, choices), default=0)
    return sorted(choices, key=lambda c: (not _is_default(c), not last or used_at(c) != last))


def for_destination(
    available: Methods,
    to: Contact,
    among: Iterable[MethodProvider] | None = None,
    without: Container[str] = (),
) -> MethodProvider:
    """Return the first method that a number or address can be registered for.

    `among`: the methods to search; by default all that can register this kind. `without`: names of methods
    that failed. Raises `NoMethodAvailable`.
    """
    for provider in available.registrable(to.kind) if among is None else among:
        fits = provider.device_kind == to.kind and not provider.why_unsuitable(to)
        if fits and provider.name not in without:
            return provider
    raise errors.NoMethodAvailable
