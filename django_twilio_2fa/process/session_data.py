"""Read and write this package's part of the session, with the flow id that binds verifications to it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from ..digests import digests
from .subject import Subject

SESSION_KEY = "twilio_2fa"

# `request.twilio_2fa_flow` binds verifications to an API token. Only requests with a token have it.


def read(request: HttpRequest) -> dict[str, Any]:
    """Return this package's part of the session. Change it with `write` only."""
    if getattr(request, "twilio_2fa_flow", "") or not hasattr(request, "session"):
        return {}
    state = request.session.get(SESSION_KEY)
    return dict(state) if isinstance(state, dict) else {}


def read_part(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return a dict from this package's part of the session. Empty if the stored value is not a dict."""
    part = read(request).get(name)
    return dict(part) if isinstance(part, dict) else {}


def write(request: HttpRequest, **changes: Any) -> None:
    """Update this package's part of the session. None deletes an entry. Does nothing for API tokens."""
    if getattr(request, "twilio_2fa_flow", ""):
        return
    state = read(request)
    if "flow" not in state:
        get_flow(request, create=True)
        state = read(request)
    state |= changes
    request.session[SESSION_KEY] = {k: v for k, v in state.items() if v is not None}


def clear(request: HttpRequest) -> None:
    """Remove this package's part of the session."""
    request.session.pop(SESSION_KEY, None)


def write_at_once(request: HttpRequest, **changes: Any) -> None:
    """Update this package's part of the session, and store only that part at once.

    Saving the whole session at the end of a slow GET would undo what another request has stored meanwhile.
    """
    session = getattr(request, "session", None)
    if session is None or getattr(request, "twilio_2fa_flow", None):
        return
    modified = session.modified
    write(request, **changes)
    if modified or isinstance(session, CookieSession) or not session.session_key:
        return
    session.modified = False
    stored = type(session)(session.session_key)
    state = stored.get(SESSION_KEY)
    if not isinstance(state, dict) or state.get("flow") != read(request).get("flow"):
        # The user has signed out meanwhile.
        return
    stored[SESSION_KEY] = {k: v for k, v in {**state, **changes}.items() if v is not None}
    with suppress(UpdateError):
        stored.save()


def auth_digests(user: Any) -> list[str]:
    """Return digests of the user's session auth hash, the current one first. A new password changes them."""
    hashes = [user.get_session_auth_hash()]
    # Like Django, keep sessions valid after a rotation of SECRET_KEY.
    hashes += getattr(user, "get_session_auth_fallback_hash", list)()
    return [d for h in hashes for d in digests("auth", user.pk, h)]


def subject_of(request: HttpRequest) -> Any:
    """Return the user of a request, who has signed in or is signing in. None for an anonymous visitor."""
    signing_in: Any = getattr(request, "twilio_2fa_signing_in", None)
    if signing_in is not None:
        return signing_in
    user: Any = getattr(request, "user", None)
    # Unwrap the lazy user: reading its attributes through the wrapper is slow.
    while isinstance(user, LazyObject):
        if user._wrapped is empty:
            user._setup()
        user = user._wrapped
    return user if user is not None and user.is_authenticated else None


def get_subject(request: HttpRequest, *, create: bool = False) -> Subject:
    """Return the user and the session of a request. `create` gives the session a flow id if it has none."""
    user = subject_of(request)
    if user is None:
        return Subject(request=request)
    return Subject(user, request, get_flow(request, create=create), auth_digests(user)[0])


def flow_of(request: HttpRequest, user: Any, state: dict[str, Any]) -> str:
    """Return the flow id of a user from `state`, see `read`. Empty if there is none."""
    if flow := getattr(request, "twilio_2fa_flow", ""):
        return str(flow)
    flow = state.get("flow")
    return str(flow) if flow and state.get("user") == str(getattr(user, "pk", None)) else ""


def new_flow() -> str:
    """Return a new random flow id."""
    return secrets.token_urlsafe(24)


def get_flow(request: HttpRequest, *, create: bool = False, id: str = "") -> str:
    """Return the session's random flow id for its user. Empty if there is none, unless `create`.

    `id`: the flow id to create.
    """
    user = subject_of(request)
    flow = flow_of(request, user, read(request))
    if flow or not create:
        return flow
    # This also deletes the data of another user in the session.
    request.session[SESSION_KEY] = {
        "flow": id or new_flow(),
        "user": str(getattr(user, "pk", None)),
    }
    return str(read(request)["flow"])
