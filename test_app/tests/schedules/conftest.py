"""What the walks leave out of every test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def twilio_judges_every_request() -> None:
    """Not here: the other tests send the same requests, and here each is sent some thousand times."""
