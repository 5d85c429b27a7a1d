"""Answer requests as Twilio would, without HTTP."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from . import devices
from .answers import Result
from .parameters import HEX
from .resources import services
from .routes import ROUTES
from .twilio_errors import Refused

WRONG_PASSWORD = "invalid"  # noqa: S105  an auth token that the sandbox always refuses
# The account of requests with an API key, which does not name its account.
ACCOUNT_OF_KEYS = "AC" + "5" * 32


@dataclass(frozen=True)
class Request:
    """A request to the sandbox. `path` is quoted. `values` has the values of the form or the query.

    `only`: the user name and password to accept. None accepts all.
    """

    method: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    username: str = ""
    password: str = ""
    only: tuple[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)


def basic_auth(header: str) -> tuple[str, str]:
    """Return the user name and password of an `Authorization: Basic …` header, or empty strings."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return username, password


def parse(text: str, content_type: str = "") -> dict[str, Any]:
    """Return the values of a query, a form or a JSON object. A repeated name has a list of values."""
    if "json" in content_type:
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    fields = parse_qs(text, keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def handle(request: Request) -> Answer:
    """Return Twilio's answer to a request."""
    try:
        return Answer(*_handle(request))
    except Refused as e:
        return Answer(e.status, e.body, e.headers)


def _handle(request: Request) -> Result:
    device = request.username == devices.USERNAME and bool(request.password)
    if not device and not _is_account(request):
        raise Refused(20003, 401, "Authenticate")
    if not _is_text(unquote(request.path)) or not _is_text(request.values):
        raise Refused(60200, 400, "Invalid parameter: it contains a character that is not allowed")
    for route in ROUTES:
        match = route.pattern.fullmatch(request.path)
        if match and route.method == request.method:
            parts = {name: unquote(value) for name, value in match.groupdict().items()}
            if "service" in parts:
                services.configuration(parts["service"])
            if device:
                if not route.devices:
                    raise Refused(20003, 401, "Authenticate")
                account = devices.account_for(request.password, request.method, parts, request.values)
            else:
                account = request.username if request.username.startswith("AC") else ACCOUNT_OF_KEYS
            extra = {"auth_token": request.password} if route.signs else {}
            return route.handler(request.values, account=account, **parts, **extra)
    raise Refused(20404, 404, f"The requested resource {unquote(request.path)} was not found")


def _is_account(request: Request) -> bool:
    if not re.fullmatch(f"(AC|SK){HEX}", request.username) or request.password in ("", WRONG_PASSWORD):
        return False
    return request.only in (None, (request.username, request.password))


def _is_text(value: Any) -> bool:
    """Return whether the database can store the strings in a value: no NUL, and no lone surrogate."""
    if isinstance(value, str):
        return not re.search("[\0\ud800-\udfff]", value)
    if isinstance(value, Mapping):
        return all(_is_text(part) for pair in value.items() for part in pair)
    return not isinstance(value, list | tuple) or all(map(_is_text, value))
