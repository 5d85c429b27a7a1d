"""The models: devices, remembered browsers, verifications, counters, locks, pauses and daily figures."""

from .browsers import TrustedBrowser
from .counters import Counter, Lock, PendingDeletion
from .devices import Device, DeviceQuerySet, ProvenContact
from .figures import DailyAttempt, DailyFigure
from .imports import ImportedDevice
from .pauses import Pause
from .verifications import (
    NAME,
    PASSWORDLESS,
    UNAUTHENTICATED,
    Answer,
    Purpose,
    Status,
    Verification,
    VerificationQuerySet,
)

__all__ = [
    "NAME",
    "PASSWORDLESS",
    "UNAUTHENTICATED",
    "Answer",
    "Counter",
    "DailyAttempt",
    "DailyFigure",
    "Device",
    "DeviceQuerySet",
    "ImportedDevice",
    "Lock",
    "Pause",
    "PendingDeletion",
    "ProvenContact",
    "Purpose",
    "Status",
    "TrustedBrowser",
    "Verification",
    "VerificationQuerySet",
]
