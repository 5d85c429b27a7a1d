"""Whether a number or address may be used here at all, by the settings and by what Lookup knows."""

from __future__ import annotations

import logging
from typing import Any

from . import errors
from .conf import conf
from .contacts import Contact, PhoneNumber, country_name
from .twilio import lookup

logger = logging.getLogger(__name__)

# Types of the numbering plan that cost whoever sends there, or cannot take a code.
REFUSED_TYPES = frozenset({"premium_rate", "shared_cost", "pager", "uan", "voicemail"})


def refuse_country(contact: Contact, *, user: Any, request: Any = None) -> None:
    """Raise `PhoneCountryNotAllowed` or `InvalidCarrierType` for a number that no send may go to."""
    if not isinstance(contact, PhoneNumber):
        return
    allowed = conf.resolve("PHONE_NUMBER_ALLOWED_COUNTRIES", user=user, request=request)
    disallowed = conf.resolve("PHONE_NUMBER_DISALLOWED_COUNTRIES", user=user, request=request)
    country = contact.country_code
    if allowed and country not in {str(c).upper() for c in allowed}:
        raise _not_allowed(country)
    if country in {str(c).upper() for c in disallowed or ()}:
        raise _not_allowed(country)
    if contact.number_type in REFUSED_TYPES:
        raise errors.InvalidCarrierType(carrier_type=contact.number_type.replace("_", " "))


def _not_allowed(country: str) -> errors.PhoneCountryNotAllowed:
    # Numbers of no country, such as those of satellite phones, have a number in its place.
    return errors.PhoneCountryNotAllowed(**({"country": country_name(country)} if country.isalpha() else {}))


def wants_lookup(contact: Contact, *, user: Any, request: Any = None) -> bool:
    """Whether the line type of a number to be registered is to be looked up, which costs money."""
    if not isinstance(contact, PhoneNumber) or contact.carrier_type:
        return False
    if contact.country_code == "CA" and not conf.HAS_CLNPC_PERMISSION:
        return False
    return bool(conf.resolve("PHONE_NUMBER_CARRIER_LOOKUP", user=user, request=request))


def look_up(number: PhoneNumber) -> str | None:
    """The number's line type; None where it is not known. Raises `InvalidPhoneNumber`."""
    try:
        return lookup.line_type(number)
    except (errors.TwilioUnavailable, errors.TwilioRateLimited, errors.TwilioInvalidParameter) as e:
        logger.warning("The line type could not be looked up: %s", e)
        return None


def refuse_line_type(line_type: str | None, *, user: Any, request: Any = None) -> None:
    """Raise `MobileNumberRequired` or `InvalidCarrierType` where the line type is not an allowed one."""
    allowed = conf.resolve("PHONE_NUMBER_ALLOWED_CARRIER_TYPES", user=user, request=request)
    if line_type is None:
        if conf.resolve("PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY", user=user, request=request):
            return
        raise errors.InvalidCarrierType(carrier_type="unknown")
    if not allowed or line_type in allowed:
        return
    if list(allowed) == ["mobile"]:
        raise errors.MobileNumberRequired
    raise errors.InvalidCarrierType(carrier_type=line_type)
