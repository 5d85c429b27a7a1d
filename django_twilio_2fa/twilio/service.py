"""The Verify service: how to reach it, and what Twilio says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .client import get_client, service_sid
from .error_codes import convert_errors


def get_service(sid: str = "", *, registration: bool = False) -> Any:
    """Return a service as twilio-python has it: the one with this SID, or the one that the settings name.

    Raises `ImproperlyConfigured` where it is not set.
    """
    return get_client().verify.v2.services(sid or service_sid(registration=registration))


def fetch_with_headers(path: str, *, service: str = "") -> tuple[dict[str, Any], Mapping[str, str]]:
    """Fetch what is at a path of the service. Return its fields and the headers, which twilio-python drops.

    `path`: for example `Entities/x/Challenges/YC…`. Raises what twilio-python raises.
    """
    version = get_client().verify.v2
    uri = f"/Services/{service or service_sid()}/{path}"
    answer = version.request("GET", uri)
    if not 200 <= answer.status_code < 300:
        raise version.exception("GET", uri, answer, "Unable to fetch record")
    return json.loads(answer.text), answer.headers or {}


def fetch_service(*, registration: bool = False) -> Any:
    """Fetch the service's settings from Twilio. One free request.

    Raises `TwilioUnavailable` (data: `twilio_error`, Twilio's code) and `TwilioRateLimited`.
    """
    with convert_errors(service=True):
        return get_service(registration=registration).fetch()
