"""Count sends against `BUDGETS`, and e-mail the administrators when a budget runs out.

A budget is a counter like those of limits: it is incremented in the same statement, needs no query of its
own, and cannot be exceeded by concurrent requests. Registrations may use only a share of a budget. The rest
is kept for users who sign in with a proven device.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.mail import mail_admins
from django.template.loader import render_to_string

from .. import signals
from ..conf import conf
from ..digests import digests
from ..models.verifications import Purpose
from ..providers import MethodProvider
from . import lockout, prices, rate_limits
from .limit_rows import RateLimit

logger = logging.getLogger(__name__)

SCOPE = "budget"
BETWEEN = "\x1f"
"""The separator of the parts of a counter's name."""
UNIT = Decimal("0.0001")
"""The unit that money is counted in: a ten-thousandth of the currency. Prices are rounded up to it."""

ONE = Decimal(1)
WARN_AT, REGISTRATIONS_UNTIL = "0.7", "0.8"
WARNING, REGISTRATIONS, SPENT = "warning", "registrations", "spent"
REGISTRATION, SIGN_IN = "registration", "sign_in"
PURPOSES = {REGISTRATION: Purpose.ENROL, SIGN_IN: Purpose.PROVE}
EACH = ("country", "method")
KEYS = ("messages", "money", "methods", "countries", "purpose", "each", "warn_at", "registrations_until")


@dataclass(frozen=True)
class Budget:
    """One entry of `BUDGETS`."""

    name: str
    told: Mapping[str, Any]

    def covers(self, purpose: str, country: str, method: str) -> bool:
        """Return whether a send for a purpose, to a country, by a method counts against the budget."""
        methods, countries, only = (self.told.get(n) for n in ("methods", "countries", "purpose"))
        if methods is not None and method not in methods:
            return False
        if countries is not None and country not in countries:
            return False
        return only is None or purpose == PURPOSES.get(only)

    def rates(self, unit: str) -> list[tuple[int, int]]:
        """Return pairs of an amount and a period in seconds. Money is counted in `UNIT`."""
        found = rate_limits.rates_of(str(self.told.get(unit) or ""))
        return [(most * int(1 / UNIT), seconds) for most, seconds in found] if unit == "money" else found

    def each(self, country: str, method: str) -> tuple[str, ...]:
        """Return the country, the method, or both, if the budget is counted separately for each."""
        wanted = self.told.get("each") or ()
        wanted = (wanted,) if isinstance(wanted, str) else wanted
        values = {"country": country, "method": method}
        return tuple(values[name] for name in EACH if name in wanted)

    def share(self, purpose: str, user: Any) -> Decimal:
        """Return the share of the budget that a send may use.

        Registrations are stopped first, then visitors who have not signed in, and last users with a device.
        """
        first = ONE if self.told.get("purpose") else self.number("registrations_until", REGISTRATIONS_UNTIL)
        if purpose == Purpose.ENROL:
            return first
        return ONE if user is not None else (1 + first) / 2

    def number(self, name: str, default: str) -> Decimal:
        """Return a share from the settings, from 0 to 1. The default if it is missing or invalid."""
        told = prices.as_price(self.told.get(name))
        return Decimal(default) if told is None or told > 1 else told


def all_budgets() -> list[Budget]:
    """Return the budgets of the settings."""
    return [Budget(str(name), told) for name, told in conf.BUDGETS.items() if isinstance(told, Mapping)]


def limits_for(
    purpose: str, country: str, provider: MethodProvider, user: Any, *, decoy: str = ""
) -> list[RateLimit]:
    """Return the counters of a send. `decoy`: count separately, because nothing is sent for this name."""
    if not conf.BUDGETS or not provider.sends:
        return []
    found: list[RateLimit] = []
    for budget in all_budgets():
        if budget.covers(purpose, country, provider.name):
            found += _counts(budget, purpose, country, provider, user, decoy)
    return found


def _counts(
    budget: Budget, purpose: str, country: str, provider: MethodProvider, user: Any, decoy: str
) -> Iterator[RateLimit]:
    each = budget.each(country, provider.name)
    share, now = budget.share(purpose, user), int(time.time())
    for unit in ("messages", "money"):
        amount = _amount(unit, provider, country)
        for total, seconds in budget.rates(unit):
            if not amount:
                continue
            keys = tuple(digests(SCOPE, budget.name, unit, *each, *([decoy] if decoy else [])))
            window = now - now % max(1, seconds // rate_limits.STEPS)
            levels = _levels(budget, total, amount)
            yield RateLimit(
                name=BETWEEN.join((SCOPE, budget.name, unit, *each)),
                row=(f"{SCOPE}:{seconds}", keys[0], window),
                keys=keys,
                most=math.floor(total * share),
                seconds=seconds,
                amount=amount,
                levels=() if decoy else tuple(levels),
                tell=None if decoy else tell,
            )


def _amount(unit: str, provider: MethodProvider, country: str) -> int:
    if unit == "messages":
        return 1
    price = prices.of_message(provider.name, country, provider.message_price)
    return math.ceil(price / UNIT) if price else 0


def _levels(budget: Budget, total: int, amount: int) -> dict[int, str]:
    """Return the sums at which administrators get an e-mail, with the level that each reaches.

    A share of a budget is spent when another send of `amount` would exceed it.
    """
    warn = math.ceil(total * budget.number("warn_at", WARN_AT))
    levels = {max(1, warn): WARNING}
    if not budget.told.get("purpose"):
        stop = math.floor(total * budget.number("registrations_until", REGISTRATIONS_UNTIL))
        levels[max(1, stop - amount + 1)] = REGISTRATIONS
    levels[max(1, total - amount + 1)] = SPENT
    return levels


def tell(count: RateLimit, level: int) -> None:
    """E-mail the administrators that a budget has reached a level, once per period."""
    _scope, name, unit, *each = count.name.split(BETWEEN)
    budget = Budget(name, conf.BUDGETS.get(name) or {})
    found = [(total, s) for total, s in budget.rates(unit) if s == count.seconds]
    total = found[0][0] if found else 0
    kind = _levels(budget, total, count.amount).get(level) if total else None
    if not kind or not lockout.once(SCOPE, (count.name, count.seconds, kind), count.seconds):
        return
    about = {
        "budget": name,
        "level": kind,
        "unit": unit,
        "total": str(total * UNIT) if unit == "money" else str(total),
        "seconds": count.seconds,
        "part": ", ".join(filter(None, each)),
    }
    logger.warning("The budget %(budget)s has reached a level: %(level)s (%(total)s %(unit)s)", about)
    signals.send(signals.twilio_2fa_budget_reached, request=None, user=None, **about)
    context = {**about, "currency": conf.PRICES_CURRENCY, "hours": count.seconds / 3600}
    try:
        subject = render_to_string("twilio_2fa/email/budget_subject.txt", context).strip()
        mail_admins(" ".join(subject.split()), render_to_string("twilio_2fa/email/budget.txt", context))
    except Exception as e:
        logger.error("The administrators could not be e-mailed about a budget: %s", type(e).__name__)
