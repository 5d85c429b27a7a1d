"""The Verify service: how to reach it, and what Twilio says of it."""

from __future__ import annotations

from typing import Any

from .client import get_client, service_sid
from .faults import translated


def get_service(*, registration: bool = False) -> Any:
    """The service as twilio-python has it; that for registrations where there is one, if asked for.

    Raises ImproperlyConfigured where it is not set.
    """
    return get_client().verify.v2.services(service_sid(registration=registration))


def fetch_service(*, registration: bool = False) -> Any:
    """What Twilio says of the service. One free request.

    Raises `TwilioUnavailable` (data: `twilio_error`, Twilio's code) and `TwilioRateLimited`.
    """
    with translated(service=True):
        return get_service(registration=registration).fetch()
