"""Bind a request of the API to its session, or to its token."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from .. import errors, session
from ..conf import conf
from ..process import session_data, signing_in
from ..verifier import Verifier


def bind(request: Request) -> Any:
    """Return Django's request with a flow id, which is from the session or derived from the token.

    A token has no session. A verification is valid for that token, or for all tokens for which
    `API_SESSION_CB` returns the same id, until the token expires or the password changes. No session is
    written and no cookie is set. If callers cannot be distinguished, a verification is not valid for any
    later request.
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
    """Return the credential of an Authorization header, with normalized spaces. Empty for Basic.

    Every caller with the same password sends the same Basic header, so it does not identify a caller.
    """
    scheme, _, value = header.strip().partition(" ")
    return "" if scheme.lower() == "basic" else " ".join(value.split())


def _said(auth: Any) -> str:
    """Return `request.auth` as text. Empty if its text contains only its memory address.

    The token of a later request may have the same address.
    """
    said = "" if auth is None else str(auth)
    return "" if said == object.__repr__(auth) else said


def is_signed_in(request: Request) -> bool:
    """Return whether the request has a user of the project's model. Nothing is stored for other users."""
    user = request.user
    return user is not None and user.is_authenticated and isinstance(user, get_user_model())


def get_verifier(request: Request, *, takes_signing_in: bool = False) -> Verifier:
    """Return the verifier for the request's user, or for no user. Raises `UserUnauthenticated`.

    `takes_signing_in`: also accept a user of the session who gave the right password and is not signed in.
    """
    if request.user is not None and request.user.is_authenticated and not is_signed_in(request):
        raise errors.UserUnauthenticated
    http = bind(request)
    if is_signed_in(request):
        return session.get_verifier(http, create=True)
    if takes_signing_in and _resume(request):
        return session.get_verifier(http, create=True)
    return Verifier(request=http, flow=_flow_of_nobody(http))


def _resume(request: Request) -> bool:
    """Make the user who is signing in the user of the request. Returns whether there is one.

    Raises `PermissionDenied` without a CSRF token: the framework requires it of signed-in users only.
    """
    if not hasattr(request._request, "session") or signing_in.resume(request._request) is None:
        return False
    SessionAuthentication().enforce_csrf(request)
    return True


def _flow_of_nobody(http: Any) -> str:
    """Return the id that binds an anonymous verification to the session. Empty without a session.

    Also empty in the session of a user who is signing in: a new id would end the sign-in.
    """
    if session_data.read_part(http, signing_in.NAME):
        return ""
    kept = getattr(http, "session", None)
    exists = kept is not None and kept.session_key and not kept.is_empty()
    return session.get_flow(http, create=True) if exists else ""
