"""Name the places that sends are counted and paused for: countries and the beginnings of numbers."""

from __future__ import annotations

from django.utils.translation import gettext

from ..contacts import PhoneNumber, country_name
from ..digests import digest

AREA_DIGITS = 3
"""So many digits after the calling code stand for an area or an operator, and for thousands of numbers."""


BLOCK_DIGITS = 2

NOWHERE = "--"
"""In place of the country of a number that belongs to none, such as a satellite phone's."""

UNKNOWN = "new"
"""All countries together in which hardly anybody has registered lately."""


def of_number(number: PhoneNumber) -> list[str]:
    """Return the places that a number is in: country, beginning, block."""
    return [number.country_code or NOWHERE, prefix_of(number), block_of(number)]


def prefix_of(number: PhoneNumber) -> str:
    """Return the calling code and the first digits of a number, such as `+1202` or `+44770`."""
    import phonenumbers

    parsed = phonenumbers.parse(str(number))
    code = f"+{parsed.country_code}"
    return code + str(number)[len(code) : len(code) + AREA_DIGITS]


def block_of(number: PhoneNumber) -> str:
    """Return a keyed digest of a number without its last two digits: what sequential numbers share."""
    return f"block:{digest('block', number.identity[:-BLOCK_DIGITS])[:24]}"


def number_key(number: PhoneNumber) -> str:
    """Return a keyed digest of a number, to tell how many different ones there are."""
    return digest("watched", number.identity)


def client_of(address: str) -> str:
    """Return a keyed digest of a client address."""
    return f"client:{digest('client', address)[:24]}"


def shown(place: str) -> str:
    """Return a place as an administrator reads it."""
    if place == UNKNOWN:
        return gettext("countries where hardly anybody has registered")
    if place.startswith("block:"):
        return gettext("a hundred sequential numbers")
    if place.startswith("client:"):
        return gettext("numbers entered at one client address")
    return f"{country_name(place)} ({place})" if place.isalpha() and len(place) == 2 else place
