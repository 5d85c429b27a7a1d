"""Find the prices of messages and approvals: the site's, or else the provider's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ..conf import conf

MESSAGE, APPROVAL = "message", "approval"
KINDS = (MESSAGE, APPROVAL)

TAKEN = date(2026, 10, 3)
"""The day on which Twilio's list had the providers' default prices, see docs/figures.md."""

SOURCE = "https://www.twilio.com/en-us/verify/pricing"
"""Where Twilio publishes its prices."""


def as_price(value: Any) -> Decimal | None:
    """Return a price from the settings as a number. None if it is missing or invalid."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price >= 0 else None


def of_site(method: str) -> Mapping[str, Any]:
    """Return the site's prices of a method, by `MESSAGE`, `APPROVAL` or a country."""
    told = conf.PRICES.get(method)
    return told if isinstance(told, Mapping) else {}


def of_message(method: str, country: str = "", default: str = "") -> Decimal | None:
    """Return the price of a message of a method to a country. None if it is unknown.

    `default`: the provider's price, if the site has none.
    """
    own = of_site(method)
    for key in (country, MESSAGE):
        if key and (price := as_price(own.get(key))) is not None:
            return price
    return as_price(default)


def of_approval(method: str, default: str = "") -> Decimal | None:
    """Return the price of an approved verification of a method. None if it is unknown."""
    if (price := as_price(of_site(method).get(APPROVAL))) is not None:
        return price
    return as_price(default)
