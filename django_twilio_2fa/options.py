"""Deprecated: numbers and addresses under their import path in 0.32. Import them from `contacts`."""

import warnings

from .contacts import EmailAddress, PhoneNumber

warnings.warn(
    "django_twilio_2fa.options is deprecated, use django_twilio_2fa.contacts: PhoneNumber, EmailAddress.",
    DeprecationWarning,
    stacklevel=2,
)

Email = EmailAddress

__all__ = ["Email", "PhoneNumber"]
