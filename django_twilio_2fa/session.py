"""Remember in the session that its user is verified, and tell whether they are."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from . import moments
from .digests import digest, digests
from .models import Verification
from .process import verifications
from .verifier import Verifier

__all__ = ["get_flow", "get_verification", "get_verifier", "is_verified", "may_pass", "remember"]

SESSION_KEY = "twilio_2fa"


def token_flow(request: HttpRequest) -> str:
    """Return the id that binds verifications to an API token. Empty for a request with a session."""
    return str(getattr(request, "twilio_2fa_flow", ""))


def read(request: HttpRequest) -> dict[str, Any]:
    """Return our part of the session. Change it with `write` only."""
    if not hasattr(request, "session") or token_flow(request):
        return {}
    state = request.session.get(SESSION_KEY)
    return dict(state) if isinstance(state, dict) else {}


def read_part(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return a dict from our part of the session. Empty if the stored value is no dict."""
    part = read(request).get(name)
    return dict(part) if isinstance(part, dict) else {}


def write(request: HttpRequest, **changes: Any) -> None:
    """Update our part of the session. None deletes an entry. Does nothing for API tokens."""
    if token_flow(request):
        return
    state = {**read(request), **changes}
    request.session[SESSION_KEY] = {k: v for k, v in state.items() if v is not None}


def get_flow(request: HttpRequest, *, create: bool = False) -> str:
    """Return the session's random flow id for its user. Empty if there is none, unless `create`."""
    if flow := token_flow(request):
        return flow
    state = read(request)
    user = str(request.user.pk)
    if state.get("flow") and state.get("user") == user:
        return str(state["flow"])
    if not create:
        return ""
    # Whatever is left of another user's goes.
    request.session[SESSION_KEY] = {"flow": secrets.token_urlsafe(24), "user": user}
    return str(read(request)["flow"])


def _auth_digests(user: Any) -> list[str]:
    """Digests of the user's session auth hash, the current one first: a changed password changes them."""
    hashes = [user.get_session_auth_hash()]
    # Django keeps sessions alive over a rotation of its SECRET_KEY, and so do we.
    hashes += getattr(user, "get_session_auth_fallback_hash", list)()
    return [d for h in hashes for d in digests("auth", user.pk, h)]


def get_verifier(request: HttpRequest, *, create: bool = False) -> Verifier:
    """Return a verifier for the user, bound to the session. `create` makes a flow id if there is none."""
    user = request.user
    if not user.is_authenticated:
        return Verifier(request=request)
    auth = digest("auth", user.pk, user.get_session_auth_hash())
    return Verifier(user, request=request, flow=get_flow(request, create=create), auth=auth)


def get_verification(request: HttpRequest) -> Verification | None:
    """Return the newest approved verification of this session, or None. One query."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    flow = get_flow(request)
    if not flow:
        return None
    return verifications.approved_in(user, flow, _auth_digests(user)).first()


def remember(request: HttpRequest, verification: Verification) -> None:
    """Cache in the session that its user is verified, so that `is_verified` needs no query."""
    if verification.verifies and verification.approved_at:
        at = moments.aware(verification.approved_at).isoformat()
        told = {"at": at, "auth": verification.auth_digest}
        write(request, verified=told)


def is_verified(request: HttpRequest, max_age: timedelta | float | None = None) -> bool:
    """Return whether the user of this request has been verified in this session.

    It holds for as long as the session, or `max_age` (a timedelta, or seconds) since the approval. It ends
    with a log-out, another user's log-in and a change of the password. At most one query, mostly none.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not get_flow(request):
        return False
    told = read_part(request, "verified")
    if told.get("auth") in _auth_digests(user) and _young(_read_moment(told["at"]), max_age):
        return True
    verification = get_verification(request)
    return bool(verification and verification.approved_at and _young(verification.approved_at, max_age))


def _read_moment(text: str) -> datetime:
    """Read a moment that the session holds. Earlier releases wrote it naive where `USE_TZ` was off."""
    return moments.stored(datetime.fromisoformat(text))


def _young(moment: datetime, max_age: timedelta | float | None) -> bool:
    if max_age is None:
        return True
    age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
    return timezone.now() - moment <= age


def may_pass(request: HttpRequest, max_age: timedelta | float | None = None) -> bool:
    """Return whether a page that requires verification lets this request through.

    It does for a verified session, unless its user still has to register a phone number; and for one that
    has skipped registration where that is optional, as long as the user has nothing registered.
    """
    if is_verified(request, max_age):
        return not get_verifier(request).needs_phone()
    if not request.user.is_authenticated or not get_flow(request) or not read(request).get("skipped"):
        return False
    return get_verifier(request).may_skip_registration()
