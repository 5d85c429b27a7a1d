"""Which session, or which token, a request of the API speaks for."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from rest_framework.request import Request

from .. import session
from ..verifier import Verifier


def bind(request: Request) -> Any:
    """Django's request, told what its verifications belong to: the session, or else the token it came with.

    A token has no session: what is proven with it is good for that very token, until it expires or the
    password changes. Nothing is written to a session then, and no cookie set.
    """
    http: Any = request._request
    user = request.user
    if user is None or not user.is_authenticated:
        return http
    http.user = user
    kept = getattr(http, "session", {})
    if request.auth is not None or kept.get(SESSION_KEY) is None:
        credential = request.META.get("HTTP_AUTHORIZATION") or str(request.auth)
        http.twilio_2fa_flow = f"token:{credential}"
    return http


def get_verifier(request: Request) -> Verifier:
    """The verifier of whoever sends the request: a user, or nobody."""
    http = bind(request)
    if request.user is not None and request.user.is_authenticated:
        return session.get_verifier(http, create=True)
    return Verifier(request=http)
