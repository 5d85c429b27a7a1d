"""Store what users have registered, each verification, and what is counted."""

from .counters import Counter, Leftover
from .devices import EXTENSION, NAME, STRANGER, Device, DeviceQuerySet, ProvenContact, contact_of, details_of
from .verifications import Answer, Purpose, Status, Verification, VerificationQuerySet

__all__ = [
    "EXTENSION",
    "NAME",
    "STRANGER",
    "Answer",
    "Counter",
    "Device",
    "DeviceQuerySet",
    "Leftover",
    "ProvenContact",
    "Purpose",
    "Status",
    "Verification",
    "VerificationQuerySet",
    "contact_of",
    "details_of",
]
