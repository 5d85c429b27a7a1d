"""Parse, validate and mask phone numbers and e-mail addresses."""

from __future__ import annotations

from typing import Any

from .. import errors
from .countries import countries, country_name, main_countries
from .email_address import EmailAddress
from .phone_number import PhoneNumber

LINE_TYPES = ("mobile", "landline", "voip")

Contact = PhoneNumber | EmailAddress
CONTACTS: dict[str, type[PhoneNumber] | type[EmailAddress]] = {
    PhoneNumber.kind: PhoneNumber,
    EmailAddress.kind: EmailAddress,
}


def identity_of(contact: Contact | None) -> str:
    """Return the `identity` of a number or address. Empty for None."""
    return contact.identity if contact else ""


EXTENSION = "extension"
"""The key of a number's extension in a device's `data` and a verification's `details`."""


def contact_of(kind: str, value: str, line_type: str, details: dict[str, Any]) -> Contact | None:
    """Return a stored `PhoneNumber` or `EmailAddress`, or None for another kind. Raises their errors."""
    if kind == PhoneNumber.kind:
        return PhoneNumber.stored(value, carrier_type=line_type or None, extension=details.get(EXTENSION, ""))
    cls = CONTACTS.get(kind)
    return cls(value) if cls else None


def details_of(contact: Contact | None) -> dict[str, Any]:
    """Return the details to store in addition to the value: the extension of a number, if it has one."""
    extension = getattr(contact, "extension", "")
    return {EXTENSION: extension} if extension else {}


def as_contact(kind: str, value: Any, *, stored: bool = False) -> Contact | None:
    """Convert the result of a callback to a `PhoneNumber` or `EmailAddress`. None for no result.

    `stored`: accept a number in E.164 that phonenumbers does not know. Raises the error of the type.
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
    "EXTENSION",
    "LINE_TYPES",
    "Contact",
    "EmailAddress",
    "PhoneNumber",
    "as_contact",
    "contact_of",
    "countries",
    "country_name",
    "details_of",
    "identity_of",
    "main_countries",
]
