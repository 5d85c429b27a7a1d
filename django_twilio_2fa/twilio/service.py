"""The Verify service: how to reach it, and what Twilio says of it."""

from __future__ import annotations

from typing import Any

from .client import get_client, service_sid
from .faults import translated


def get_service(sid: str = "", *, registration: bool = False) -> Any:
    """Return a service as twilio-python has it: the one with this SID, or the one that the settings name.

    Raises `ImproperlyConfigured` where it is not set.
    """
    return get_client().verify.v2.services(sid or service_sid(registration=registration))


def fetch_service(*, registration: bool = False) -> Any:
    """Fetch the service's settings from Twilio. One free request.

    Raises `TwilioUnavailable` (data: `twilio_error`, Twilio's code) and `TwilioRateLimited`.
    """
    with translated(service=True):
        return get_service(registration=registration).fetch()
