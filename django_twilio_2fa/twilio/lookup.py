"""Ask Twilio Lookup for the line type of a number."""

from __future__ import annotations

import logging

from .. import errors
from ..contacts import PhoneNumber
from .client import get_client
from .error_codes import convert_errors

logger = logging.getLogger(__name__)

# Lookup v2's types; what is not here (premium, pager, …) is handed on as it is.
LINE_TYPES = {"mobile": "mobile", "landline": "landline", "fixedVoip": "voip", "nonFixedVoip": "voip"}


def line_type(number: PhoneNumber) -> str | None:
    """`mobile`, `landline`, `voip`, another of Lookup's types, or None where it is not known.

    A paid request. Raises `InvalidPhoneNumber` where Twilio says that there is no such number, and
    `TwilioUnavailable` or `TwilioRateLimited` where it gives no answer.
    """
    with convert_errors(service=True):
        answer = get_client().lookups.v2.phone_numbers(str(number)).fetch(fields="line_type_intelligence")
        if answer.valid is False:
            raise errors.InvalidPhoneNumber
        told = (answer.line_type_intelligence or {}).get("type")
    if not told or told == "unknown":
        return None
    return LINE_TYPES.get(told, str(told))
