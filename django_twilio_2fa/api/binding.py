"""Bind a request of the API to its session, or to its token."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from rest_framework.request import Request

from .. import errors, session
from ..conf import conf
from ..verifier import Verifier


def bind(request: Request) -> Any:
    """Django's request, told what its verifications belong to: the session, or else the token it came with.

    A token has no session: what is proven with it is good for that very token, or for those that
    `API_SESSION_CB` says are of one log-in, until it expires or the password changes. Nothing is written to a
    session then, and no cookie set. Where nothing tells two callers apart, what is proven is good for nothing
    after.
    """
    http: Any = request._request
    user = request.user
    if user is None or not user.is_authenticated:
        return http
    http.user = user
    kept = getattr(http, "session", {})
    if request.auth is not None or str(kept.get(SESSION_KEY)) != str(user.pk):
        http.twilio_2fa_flow = _log_in(request) or _credential(request) or secrets.token_urlsafe(24)
    return http


def _log_in(request: Request) -> str:
    told = conf.resolve("API_SESSION_CB", auth=request.auth, user=request.user, request=request._request)
    return f"session:{told}" if told else ""


def _credential(request: Request) -> str:
    credential = (_said(request.auth), _from_header(request.META.get("HTTP_AUTHORIZATION", "")))
    return f"token:{credential}" if any(credential) else ""


def _from_header(header: str) -> str:
    """Return the credential of an Authorization header in one spelling. Empty for Basic (a password).

    Whoever has the password sends the same: it tells nobody apart.
    """
    scheme, _, value = header.strip().partition(" ")
    return "" if scheme.lower() == "basic" else " ".join(value.split())


def _said(auth: Any) -> str:
    """Return `request.auth` as text. Empty if it has no useful `__str__`.

    In memory, that is, which another request's token may have next.
    """
    said = "" if auth is None else str(auth)
    return "" if said == object.__repr__(auth) else said


def is_signed_in(request: Request) -> bool:
    """Return whether the request has a user of the project's model. Nothing is stored for others."""
    user = request.user
    return user is not None and user.is_authenticated and isinstance(user, get_user_model())


def get_verifier(request: Request) -> Verifier:
    """Return the verifier for the request's user, or for no user. Raises `UserUnauthenticated`."""
    if request.user is not None and request.user.is_authenticated and not is_signed_in(request):
        raise errors.UserUnauthenticated
    http = bind(request)
    if is_signed_in(request):
        return session.get_verifier(http, create=True)
    return Verifier(request=http, flow=_flow_of_nobody(http))


def _flow_of_nobody(http: Any) -> str:
    """Return the id that binds an anonymous verification to the session. Empty without a session."""
    kept = getattr(http, "session", None)
    exists = kept is not None and kept.session_key and not kept.is_empty()
    return session.get_flow(http, create=True) if exists else ""
