"""The HTTP client that is handed to twilio-python's own `Client`, so that its code is what runs."""

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
"""Sent with `method`, `path`, `values`, `status` and `body` of each request; tests listen."""

# What `requests` raises where an answer does not come, or not as a whole.
NO_ANSWER: dict[str, type[Exception]] = {
    "hang": ReadTimeout,
    "slow": ReadTimeout,
    "drop": NoConnection,
    "truncated": ChunkedEncodingError,
}


class SandboxHttpClient(HttpClient):  # type: ignore[misc]
    """Answer as Twilio would, without a network. Does not keep requests or responses."""

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
        # The address of the next page of a list has its values in itself.
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
