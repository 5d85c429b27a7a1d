"""Callbacks that a site might set. The tests name them by dotted path.

This site keeps its users' phone numbers in `first_name` and their addresses in `email`.
"""

from __future__ import annotations

from typing import Any

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.providers import Checked, MethodProvider, Sent

FIELDS = {"phone_number": "first_name", "email": "email"}
HERE = __name__


def phone_of(user: Any) -> str:
    return str(user.first_name)


def phone_number_of(user: Any) -> PhoneNumber | None:
    return PhoneNumber(user.first_name, verified=True) if user.first_name else None


def email_of(**offered: Any) -> str:
    return str(offered["user"].email)


def email_address_of(user: Any) -> EmailAddress | None:
    return EmailAddress(user.email) if user.email else None


def raises(**offered: Any) -> Any:
    raise RuntimeError("The site's own database is away")


def rubbish() -> str:
    return "no number, no address"


def stores(**told: Any) -> None:
    """Store the value of `set_user_data` on the user."""
    setattr(told["user"], FIELDS[told["field"]], str(told["value"]))
    told["user"].save()


def forgets(**told: Any) -> None:
    """Receive `set_user_data` and store nothing."""


def refuses_demo(user: Any) -> bool:
    return bool(user.username != "demo")


def is_demo(user: Any) -> bool:
    return bool(user.username == "demo")


def only_calls(user: Any, request: Any) -> list[str]:
    return ["call"]


def named_by_host(request: Any) -> str:
    return f"The shop at {request.get_host()}"


def in_a_song(method: str, **offered: Any) -> dict[str, str] | None:
    return {"label": "Sung to you", "icon": "fas fa-music", "value": "song"} if method == "call" else None


def in_rhyme(code: str) -> str | None:
    return {"send_prefix": "Seek the code", "send_suffix": "at {value}!", "verified": "Well done"}.get(code)


class Grumpy(MethodProvider):
    """A method that fails with the base error, which has no code and no message of its own."""

    label = "Grumpy"
    device_kind = "phone_number"

    def start(self, verification: Any, *, request: Any = None) -> Sent:
        raise errors.TwoFactorError

    def check(self, verification: Any, token: str, *, request: Any = None) -> Checked:
        return Checked(approved=False)
