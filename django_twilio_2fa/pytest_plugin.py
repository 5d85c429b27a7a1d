"""Pytest fixtures for the tests of a site. They need pytest-django."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from .testing.site import TwilioSandbox


@pytest.fixture
def twilio_sandbox(db: None, settings: Any) -> Iterator[TwilioSandbox]:
    """Return the sandbox: its messages, its clock and its faults."""
    from .testing.site import SETTINGS, TwilioSandbox, require_sandbox

    require_sandbox()
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    sandbox = TwilioSandbox()
    yield sandbox
    sandbox.reset()


@pytest.fixture
def two_factor_user(twilio_sandbox: TwilioSandbox) -> Any:
    """Return a user with a phone number registered."""
    from .testing.site import create_two_factor_user

    return create_two_factor_user()


@pytest.fixture
def verified_client(twilio_sandbox: TwilioSandbox, two_factor_user: Any) -> Client:
    """Return a client that is signed in as `two_factor_user`, and verified."""
    from django.test import Client

    from .testing.site import verify

    client = Client()
    client.force_login(two_factor_user)
    verify(client)
    return client
