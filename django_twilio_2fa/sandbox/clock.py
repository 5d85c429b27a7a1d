"""The sandbox's clock: the machine's, unless a test has moved it."""

from __future__ import annotations

import time as machine

ahead = 0.0
"""Seconds by which a test has moved it."""


def time() -> float:
    """Seconds since 1970 (UTC)."""
    return machine.time() + ahead
