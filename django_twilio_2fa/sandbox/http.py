"""Define the sandbox's HTTP client for twilio-python's `Client`, so that the code of twilio-python runs."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from requests.exceptions import ChunkedEncodingError, ConnectTimeout, ReadTimeout
from requests.exceptions import ConnectionError as NoConnection
from twilio.http import HttpClient
from twilio.http.response import Response

from . import engine, fault_injection, in_use

sandbox_request = Signal()
"""The signal for each request, with its `method`, `path`, `values`, `status` and `body`. Used by tests."""

# The exceptions of `requests` for a response that is missing or incomplete.
NO_ANSWER: dict[str, type[Exception]] = {
    "hang": ReadTimeout,
    "slow": ReadTimeout,
    "drop": NoConnection,
    "truncated": ChunkedEncodingError,
}


class SandboxHttpClient(HttpClient):  # type: ignore[misc]
    """Answer requests as Twilio would, without a network. Requests and responses are not stored."""

    def __init__(self) -> None:
        super().__init__(None, False, None)

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        if not in_use():
            raise ImproperlyConfigured(
                "The sandbox works with DEBUG off only if TWILIO_2FA_SANDBOX_WITHOUT_DEBUG is set."
            )
        url = urlsplit(uri)
        # The URL of the next page of a list contains the values.
        values: dict[str, Any] = {**engine.parse(url.query), **(params or {}), **(data or {})}
        username, password = auth or engine.basic_auth((headers or {}).get("Authorization", ""))
        path = url.path
        fault = fault_injection.take(path)
        if fault == "refuse":
            raise ConnectTimeout("The sandbox was told to take no connection.")
        if fault in fault_injection.NOT_REACHED:
            return Response(*fault_injection.NOT_REACHED[fault])
        answer = fault_injection.act(fault, engine.Request(method.upper(), path, values, username, password))
        sandbox_request.send(
            sender=type(self),
            method=method.upper(),
            path=path,
            values=values,
            status=answer.status,
            body=answer.body,
        )
        if fault in NO_ANSWER:
            raise NO_ANSWER[fault]("The sandbox was told to lose its answer.")
        if fault == "delay":
            time.sleep(fault_injection.SECONDS[fault])
        if fault == "html-200":
            return Response(200, fault_injection.HTML)
        body = fault_injection.twisted(fault, answer)
        return Response(answer.status, "" if body is None else json.dumps(body), answer.headers)
