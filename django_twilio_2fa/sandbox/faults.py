"""Twilio's refusals, in the shape of its error bodies."""

from __future__ import annotations

from typing import Any

RETRY_AFTER = 5


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


def invalid(parameter: str, why: str = "is not valid") -> Refused:
    return Refused(60200, 400, f"Invalid parameter `{parameter}`: {why}")


def not_found(what: str) -> Refused:
    return Refused(20404, 404, f"The requested resource {what} was not found")
