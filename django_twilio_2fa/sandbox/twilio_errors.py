"""Declare Twilio's errors and the bodies of their responses."""

from __future__ import annotations

from typing import Any

RETRY_AFTER = 5

# Every known code with its HTTP status. Source: Twilio's documentation; some are a guess.
CODES: dict[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too many requests"),
    20500: (500, "Internal server error"),
    20503: (503, "Service unavailable"),
    21608: (403, "The number is unverified"),
    60200: (400, "Invalid parameter `To`: the number is not valid"),
    60202: (429, "Max check attempts reached"),
    60203: (429, "Max send attempts reached"),
    60204: (403, "Service does not support this feature"),
    60205: (403, "SMS is not supported by landline phone number"),
    60206: (400, "'Amount' & 'Payee' params are required"),
    60207: (403, "Max rate limits per service reached"),
    60208: (409, "Rate limit with that UniqueName already exists"),
    60209: (400, "UniqueName format is invalid"),
    60210: (403, "Max Buckets per Rate limit reached"),
    60211: (409, "Bucket with the given Interval already exists"),
    60212: (429, "Too many concurrent requests for phone number"),
    60213: (409, "A Messaging Configuration already exists for the given country"),
    60214: (400, "Call channel is not supported when using PSD2"),
    60217: (400, "Email integration not configured"),
    60222: (403, "Email channel not available"),
    60223: (400, "Delivery channel disabled"),
    60228: (400, "Template not found"),
    60238: (403, "Verification attempt blocked by Twilio"),
    60306: (400, "Invalid challenge or factor parameter"),
    60308: (429, "Max challenge attempts reached"),
    60310: (429, "Max factor attempts reached"),
    60311: (403, "Invalid factor payload"),
    60318: (403, "The factor is not verified"),
    60322: (403, "Challenge already responded"),
    60323: (403, "The challenge has expired"),
    60324: (403, "Invalid challenge payload"),
    60331: (400, "Locale requested is not supported by Verify Text-To-Speech conversion"),
    60410: (403, "Verification delivery attempt blocked"),
    60413: (403, "Verification attempt blocked"),
    60601: (403, "Permission denied"),
    60605: (403, "Verification delivery attempt blocked by geographic permissions"),
    68008: (400, "WhatsApp sender not configured"),
}


class Refused(Exception):
    """An error response with Twilio's code, the HTTP status and the message."""

    def __init__(self, code: int, status: int, message: str) -> None:
        super().__init__(str(code))
        self.code = code
        self.status = status
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        about = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": about, "status": self.status}

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(RETRY_AFTER)} if self.status == 429 else {}


def refused(code: int) -> Refused:
    """Return the error with this code of `CODES`."""
    return Refused(code, *CODES[code])


def invalid(parameter: str, why: str = "is not valid") -> Refused:
    return Refused(60200, 400, f"Invalid parameter `{parameter}`: {why}")


def not_found(what: str) -> Refused:
    return Refused(20404, 404, f"The requested resource {what} was not found")
