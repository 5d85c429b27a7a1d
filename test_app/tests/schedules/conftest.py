"""Fixtures of all tests that are switched off for the schedules."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def twilio_judges_every_request() -> None:
    """Skip the comparison of each request with Twilio's API, which the fixture of the other tests makes.

    The other tests send the same requests, and a schedule test sends each of them thousands of times.
    """
