"""The HTTP client that is handed to twilio-python's own `Client`, so that its code is what runs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from requests.exceptions import ConnectTimeout, ReadTimeout
from twilio.http import HttpClient
from twilio.http.response import Response

from . import engine, in_use, injected
from .faults import refused

sandbox_request = Signal()
"""Sent with `method`, `path`, `values`, `status` and `body` of each request; tests listen."""


class SandboxHttpClient(HttpClient):  # type: ignore[misc]
    """Answers as Twilio would, without a network; keeps neither requests nor answers."""

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
        values: dict[str, Any] = {**(params or {}), **(data or {})}
        username, password = auth or engine.basic_auth((headers or {}).get("Authorization", ""))
        path = urlsplit(uri).path
        fault = injected.take(path)
        if fault == injected.REFUSE:
            raise ConnectTimeout("The sandbox was told to take no connection.")
        if fault.isdecimal():
            refusal = refused(int(fault))
            answer = engine.Answer(refusal.status, refusal.body, refusal.headers)
        else:
            answer = engine.handle(engine.Request(method.upper(), path, values, username, password))
        sandbox_request.send(
            sender=type(self),
            method=method.upper(),
            path=path,
            values=values,
            status=answer.status,
            body=answer.body,
        )
        if fault == injected.HANG:
            raise ReadTimeout("The sandbox was told not to answer.")
        text = "" if answer.body is None else json.dumps(answer.body)
        return Response(answer.status, text, answer.headers)
