"""Name the places that sends are counted and paused for: countries and the beginnings of numbers."""

from __future__ import annotations

from django.utils.translation import gettext

from ..contacts import PhoneNumber, country_name
from ..digests import digest

AREA_DIGITS = 3
"""The number of digits after the calling code that identify an area or an operator."""


BLOCK_DIGITS = 2

NOWHERE = "--"
"""The country code of numbers without a country, such as those of satellite phones."""

UNKNOWN = "new"
"""The place that stands for all countries with few recent registrations."""


def of_number(number: PhoneNumber) -> list[str]:
    """Return the places of a number: country, beginning, block."""
    return [number.country_code or NOWHERE, prefix_of(number), block_of(number)]


def prefix_of(number: PhoneNumber) -> str:
    """Return the calling code and the first digits of a number, such as `+1202` or `+44770`."""
    import phonenumbers

    parsed = phonenumbers.parse(str(number))
    code = f"+{parsed.country_code}"
    return code + str(number)[len(code) : len(code) + AREA_DIGITS]


def block_of(number: PhoneNumber) -> str:
    """Return a keyed digest of a number without its last two digits, which sequential numbers share."""
    return f"block:{digest('block', number.identity[:-BLOCK_DIGITS])[:24]}"


def number_key(number: PhoneNumber) -> str:
    """Return a keyed digest of a number, by which different numbers are counted."""
    return digest("watched", number.identity)


def client_of(address: str) -> str:
    """Return a keyed digest of a client address."""
    return f"client:{digest('client', address)[:24]}"


def shown(place: str) -> str:
    """Return the text for a place that administrators read."""
    if place == UNKNOWN:
        return gettext("countries where hardly anybody has registered")
    if place.startswith("block:"):
        return gettext("a hundred sequential numbers")
    if place.startswith("client:"):
        return gettext("numbers entered at one client address")
    return f"{country_name(place)} ({place})" if place.isalpha() and len(place) == 2 else place
