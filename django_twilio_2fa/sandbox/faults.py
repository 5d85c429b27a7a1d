"""Twilio's refusals, in the shape of its error bodies."""

from __future__ import annotations

from typing import Any

RETRY_AFTER = 5

# Every code that the kit knows, with its HTTP status. Source: Twilio's documentation, and for some a guess.
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
    60205: (403, "SMS is not supported by landline phone number"),
    60212: (429, "Too many concurrent requests for phone number"),
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
    """An error answer: Twilio's code, the HTTP status and the message."""

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
    """Return the refusal with this code of `CODES`."""
    return Refused(code, *CODES[code])


def invalid(parameter: str, why: str = "is not valid") -> Refused:
    return Refused(60200, 400, f"Invalid parameter `{parameter}`: {why}")


def not_found(what: str) -> Refused:
    return Refused(20404, 404, f"The requested resource {what} was not found")
