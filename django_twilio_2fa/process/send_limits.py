"""Find the counters of limits and budgets for a send."""

from __future__ import annotations

from typing import Any

from ..contacts import Contact
from ..models.verifications import Purpose
from ..providers import MethodProvider
from . import budgets, rate_limits
from .limit_rows import RateLimit


def send_counts(
    user: Any, provider: MethodProvider, purpose: str, contact: Contact | None
) -> list[RateLimit]:
    """Return the counters of a send. Sends to an unproven number do not use up its owner's limits."""
    if not provider.sends and purpose == Purpose.PROVE:
        return []
    if not provider.sends and user is not None:
        # Setting up an authenticator or recovery codes sends nothing, so it does not count as a send.
        return rate_limits.limits_for("setups_per_user", user.pk)
    proven = purpose == Purpose.PROVE and user is not None
    country = getattr(contact, "country_code", None) or ""
    counts = _counts("sends" if proven else "unproven_sends", user, provider, contact)
    return counts + budgets.limits_for(purpose, country, provider, user)


def refused_counts(
    user: Any, provider: MethodProvider, purpose: str, contact: Contact | None
) -> list[RateLimit]:
    """Return the counters of a send that the provider certainly refused. They replace those of the send."""
    if not provider.sends and purpose == Purpose.PROVE:
        return []
    return _counts("refused_sends", user, provider, contact)


def _counts(kind: str, user: Any, provider: MethodProvider, contact: Contact | None) -> list[RateLimit]:
    found = []
    if user is not None:
        found += rate_limits.limits_for(f"{kind}_per_user", user.pk)
    if contact is not None:
        found += rate_limits.limits_for(f"{kind}_per_destination", provider.transport, contact.mailbox)
    return found
