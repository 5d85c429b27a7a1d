"""Check phone numbers by the settings and by Twilio Lookup."""

from __future__ import annotations

import logging
from typing import Any

from .. import errors
from ..conf import conf
from ..contacts import Contact, PhoneNumber, country_name
from ..twilio import lookup

logger = logging.getLogger(__name__)

# Types of numbers that are expensive to send to, or that cannot receive a code.
REFUSED_TYPES = frozenset({"premium_rate", "shared_cost", "pager", "uan", "voicemail"})


def refuse_country(contact: Contact, *, user: Any, request: Any = None, proven: bool = False) -> None:
    """Raise `PhoneCountryNotAllowed` or `InvalidCarrierType` for a number that may not be sent to.

    The country lists also apply to a number that was `proven` before, because a site may close a country. The
    type of the number does not: numbering plans change, and a number that phonenumbers does not know yet, or
    no longer knows, still reaches its owner.
    """
    if not isinstance(contact, PhoneNumber):
        return
    allowed = conf.resolve("PHONE_NUMBER_ALLOWED_COUNTRIES", user=user, request=request)
    disallowed = conf.resolve("PHONE_NUMBER_DISALLOWED_COUNTRIES", user=user, request=request)
    possible = contact.regions
    if allowed and not possible & {str(c).upper() for c in allowed}:
        raise _not_allowed(contact.country_code)
    if possible <= {str(c).upper() for c in disallowed or ()}:
        raise _not_allowed(contact.country_code)
    if not proven and contact.number_type in REFUSED_TYPES:
        raise errors.InvalidCarrierType(carrier_type=contact.number_type.replace("_", " "))


def _not_allowed(country: str) -> errors.PhoneCountryNotAllowed:
    # The country is empty for numbers without one, such as those of satellite phones.
    return errors.PhoneCountryNotAllowed(**({"country": country_name(country)} if country.isalpha() else {}))


def wants_lookup(contact: Contact, *, user: Any, request: Any = None) -> bool:
    """Return whether to look up the line type of a new number, which costs money."""
    if not isinstance(contact, PhoneNumber) or contact.carrier_type:
        return False
    if contact.country_code == "CA" and not conf.HAS_CLNPC_PERMISSION:
        return False
    return bool(conf.resolve("PHONE_NUMBER_CARRIER_LOOKUP", user=user, request=request))


def look_up(number: PhoneNumber) -> str | None:
    """Return the number's line type. None if it is unknown. Raises `InvalidPhoneNumber`."""
    try:
        return lookup.line_type(number)
    except (errors.TwilioUnavailable, errors.TwilioRateLimited, errors.TwilioInvalidParameter) as e:
        logger.warning("The line type could not be looked up: %s", e)
        return None


def refuse_line_type(line_type: str | None, *, user: Any, request: Any = None) -> None:
    """Raise `MobileNumberRequired` or `InvalidCarrierType` if the line type is not allowed."""
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
