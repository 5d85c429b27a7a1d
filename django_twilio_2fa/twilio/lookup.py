"""Ask Twilio Lookup for the line type of a number."""

from __future__ import annotations

import logging

from .. import errors
from ..contacts import PhoneNumber
from .client import get_client
from .error_codes import convert_errors

logger = logging.getLogger(__name__)

# The line types of Lookup v2. Other types (premium, pager, …) are returned unchanged.
LINE_TYPES = {"mobile": "mobile", "landline": "landline", "fixedVoip": "voip", "nonFixedVoip": "voip"}


def line_type(number: PhoneNumber) -> str | None:
    """Return `mobile`, `landline`, `voip` or another line type of Lookup. None if Twilio does not know it.

    This is a paid request. Raises `InvalidPhoneNumber` if the number does not exist according to Twilio, and
    `TwilioUnavailable` or `TwilioRateLimited` if there is no answer.
    """
    with convert_errors(service=True):
        answer = get_client().lookups.v2.phone_numbers(str(number)).fetch(fields="line_type_intelligence")
        if answer.valid is False:
            raise errors.InvalidPhoneNumber
        told = (answer.line_type_intelligence or {}).get("type")
    if not told or told == "unknown":
        return None
    return LINE_TYPES.get(told, str(told))
