"""Access the Verify service and fetch its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .client import get_client, service_sid
from .error_codes import convert_errors


def get_service(sid: str = "", *, registration: bool = False) -> Any:
    """Return twilio-python's object for the service with this SID, or else for the service of the settings.

    Raises `ImproperlyConfigured` if no service is set.
    """
    return get_client().verify.v2.services(sid or service_sid(registration=registration))


def fetch_with_headers(path: str, *, service: str = "") -> tuple[dict[str, Any], Mapping[str, str]]:
    """Fetch a path of the service. Return its fields and the response headers, which twilio-python drops.

    `path`: for example `Entities/x/Challenges/YC…`. Raises twilio-python's exceptions.
    """
    version = get_client().verify.v2
    uri = f"/Services/{service or service_sid()}/{path}"
    answer = version.request("GET", uri)
    if not 200 <= answer.status_code < 300:
        raise version.exception("GET", uri, answer, "Unable to fetch record")
    return json.loads(answer.text), answer.headers or {}


def fetch_service(*, registration: bool = False) -> Any:
    """Fetch the configuration of the service from Twilio, with one free request.

    Raises `TwilioUnavailable` (data: `twilio_error`, Twilio's code) and `TwilioRateLimited`.
    """
    with convert_errors(service=True):
        return get_service(registration=registration).fetch()
