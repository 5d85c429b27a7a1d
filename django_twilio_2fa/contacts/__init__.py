"""Parse, validate and mask phone numbers and e-mail addresses."""

from __future__ import annotations

from typing import Any

from .. import errors
from .countries import countries, country_name
from .email_address import EmailAddress
from .phone_number import PhoneNumber

LINE_TYPES = ("mobile", "landline", "voip")

Contact = PhoneNumber | EmailAddress
CONTACTS: dict[str, type[PhoneNumber] | type[EmailAddress]] = {
    PhoneNumber.kind: PhoneNumber,
    EmailAddress.kind: EmailAddress,
}


def identity_of(contact: Contact | None) -> str:
    """Return the spelling that a number or address is compared by. Empty for None."""
    return contact.identity if contact else ""


def as_contact(kind: str, value: Any, *, stored: bool = False) -> Contact | None:
    """Return what a callback returned as a number or address; None for nothing.

    `stored`: a number in E.164 is taken although phonenumbers does not know it. Raises the type's error.
    """
    if value is None or value == "":
        return None
    wanted = CONTACTS[kind]
    if isinstance(value, wanted):
        return value
    try:
        return wanted(str(value))
    except errors.InvalidPhoneNumber:
        if not stored:
            raise
    return PhoneNumber.stored(str(value))


__all__ = [
    "CONTACTS",
    "LINE_TYPES",
    "Contact",
    "EmailAddress",
    "PhoneNumber",
    "as_contact",
    "countries",
    "country_name",
    "identity_of",
]
