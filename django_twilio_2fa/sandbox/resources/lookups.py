"""Look up a number: v1 and v2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import phonenumbers

from ..magic import magic_for, strike
from ..twilio_errors import not_found

Result = tuple[int, dict[str, Any]]
V1_TYPES = {"mobile": "mobile", "landline": "landline", "fixedVoip": "voip", "nonFixedVoip": "voip"}
CARRIER = "Sandbox Telecom"
EMPTY_V2 = (
    "caller_name",
    "sim_swap",
    "call_forwarding",
    "line_status",
    "line_type_intelligence",
    "identity_match",
    "reassigned_number",
    "sms_pumping_risk",
    "phone_number_quality_score",
    "pre_fill",
)


def _parse(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None


def _national(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def carrier_of(number: str) -> dict[str, Any]:
    return {
        "error_code": None,
        "mobile_country_code": "310",
        "mobile_network_code": "456",
        "name": CARRIER,
        "type": V1_TYPES.get(magic_for(number).line_type or ""),
    }


def fetch_v1(values: Mapping[str, Any], *, account: str, number: str) -> Result:
    parsed = _parse(number)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        raise not_found(f"/PhoneNumbers/{number}")
    strike(number, "lookup")
    carrier = carrier_of(number) if "carrier" in str(values.get("Type", "")) else None
    return 200, {
        "caller_name": None,
        "carrier": carrier,
        "add_ons": None,
        "country_code": phonenumbers.region_code_for_number(parsed),
        "national_format": _national(parsed),
        "phone_number": number,
        "url": f"https://lookups.twilio.com/v1/PhoneNumbers/{number}",
    }


def fetch_v2(values: Mapping[str, Any], *, account: str, number: str) -> Result:
    parsed = _parse(number)
    valid = parsed is not None and phonenumbers.is_valid_number(parsed)
    strike(number, "lookup")
    body: dict[str, Any] = dict.fromkeys(EMPTY_V2)
    body |= {
        "calling_country_code": str(parsed.country_code) if parsed else None,
        "country_code": phonenumbers.region_code_for_number(parsed) if parsed and valid else None,
        "phone_number": number,
        "national_format": _national(parsed) if parsed and valid else None,
        "valid": valid,
        "validation_errors": None if valid else ["INVALID_BUT_POSSIBLE"] if parsed else ["NOT_A_NUMBER"],
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{number}",
    }
    wanted = str(values.get("Fields", "")).split(",")
    if valid and "line_type_intelligence" in wanted:
        body["line_type_intelligence"] = {
            "type": magic_for(number).line_type,
            "mobile_country_code": "310",
            "mobile_network_code": "456",
            "carrier_name": CARRIER,
            "error_code": None,
        }
    if valid and "sms_pumping_risk" in wanted:
        body["sms_pumping_risk"] = {
            "carrier_risk_category": "low",
            "number_blocked": False,
            "number_blocked_date": None,
            "number_blocked_last_3_months": False,
            "sms_pumping_risk_score": 4,
            "error_code": None,
        }
    return 200, body
