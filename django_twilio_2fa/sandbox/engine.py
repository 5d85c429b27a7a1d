"""Requests in, answers out: the part of Twilio that the kit talks to, without HTTP around it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from . import factors, lookups, verifications
from .faults import Refused

SID = r"[0-9a-f]{32}"
ENTITY = rf"/v2/Services/(?P<service>VA{SID})/Entities/(?P<identity>[^/]+)"
UNKNOWN_SERVICE = "VA" + "0" * 32
WRONG_PASSWORD = "invalid"  # noqa: S105  the auth token that is refused, not one that is used


@dataclass(frozen=True)
class Request:
    """A request to the sandbox. `path` is still quoted; `values` are the form's or the query's."""

    method: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    username: str = ""
    password: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., tuple[int, dict[str, Any] | None]]

ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
    (method, re.compile(f"^{pattern}$"), handler)
    for method, pattern, handler in (
        ("GET", rf"/v2/Services/(?P<service>VA{SID})", verifications.fetch_service),
        ("POST", rf"/v2/Services/(?P<service>VA{SID})/Verifications", verifications.start),
        ("POST", rf"/v2/Services/(?P<service>VA{SID})/VerificationCheck", verifications.check),
        ("GET", rf"/v2/Services/(?P<service>VA{SID})/Verifications/(?P<id>[^/]+)", verifications.fetch),
        ("POST", rf"/v2/Services/(?P<service>VA{SID})/Verifications/(?P<id>[^/]+)", verifications.update),
        ("POST", rf"{ENTITY}/Factors", factors.create_factor),
        ("GET", rf"{ENTITY}/Factors/(?P<sid>YF{SID})", factors.fetch_factor),
        ("POST", rf"{ENTITY}/Factors/(?P<sid>YF{SID})", factors.update_factor),
        ("DELETE", rf"{ENTITY}/Factors/(?P<sid>YF{SID})", factors.delete_factor),
        ("POST", rf"{ENTITY}/Challenges", factors.create_challenge),
        ("GET", r"/v1/PhoneNumbers/(?P<number>[^/]+)", lookups.fetch_v1),
        ("GET", r"/v2/PhoneNumbers/(?P<number>[^/]+)", lookups.fetch_v2),
    )
)


def basic_auth(header: str) -> tuple[str, str]:
    """User name and password of an `Authorization: Basic …` header; empty where it is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return username, password


def handle(request: Request) -> Answer:
    """Twilio's answer to a request."""
    try:
        return Answer(*_handle(request))
    except Refused as e:
        return Answer(e.status, e.body, e.headers)


def _handle(request: Request) -> tuple[int, dict[str, Any] | None]:
    if not re.fullmatch(rf"(AC|SK){SID}", request.username) or request.password in ("", WRONG_PASSWORD):
        raise Refused(20003, 401, "Authenticate")
    if any("\0" in str(value) for value in (unquote(request.path), *request.values.values())):
        raise Refused(60200, 400, "Invalid parameter: it holds a NUL character")
    for method, pattern, handler in ROUTES:
        match = pattern.match(request.path)
        if match and method == request.method:
            parts = {name: unquote(value) for name, value in match.groupdict().items()}
            if parts.get("service") == UNKNOWN_SERVICE:
                break
            account = request.username if request.username.startswith("AC") else "AC" + "5" * 32
            return handler(request.values, account=account, **parts)
    raise Refused(20404, 404, f"The requested resource {unquote(request.path)} was not found")
