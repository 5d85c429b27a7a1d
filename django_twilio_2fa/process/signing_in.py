"""Remember a user whose password was right, until the user has verified and is signed in.

The session keeps the user, the backend and the time for ten minutes. `request.user` stays anonymous.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, load_backend, login, logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ..digests import digests
from ..models.verifications import Verification
from . import session_data

LIFETIME = 600
NAME = "signing_in"
EXPIRY = "_session_expiry"  # what `request.session.set_expiry` writes


def begin(request: HttpRequest, user: Any, to: str = "") -> None:
    """Begin to sign in a user whom a backend has authenticated. `to`: the page to go to afterwards."""
    start_session(request, user)
    about = {"user": user._meta.pk.value_to_string(user), "backend": user.backend, "at": int(time.time())}
    auth = session_data.auth_digests(user)[0]
    session_data.write(request, **{NAME: {**about, "auth": auth, "to": to}})


def start_session(request: HttpRequest, user: Any, flow: str = "") -> None:
    """Give the session to a user who has not signed in yet. `flow`: an existing flow id."""
    expiry = request.session.get(EXPIRY)
    if request.user.is_authenticated:
        logout(request)
    if expiry is not None:
        request.session[EXPIRY] = expiry
    if request.session.session_key:
        # Against session fixation: a session that an attacker has planted must not be signed in.
        request.session.cycle_key()
    session_data.clear(request)
    with as_subject(request, user):
        session_data.get_flow(request, create=True, id=flow)


def resume(request: HttpRequest) -> Any:
    """Set the user who is signing in on a visitor's request, and return the user. None if there is none."""
    kept = session_data.read_part(request, NAME)
    if not kept:
        return None
    user = _find(kept)
    if user is None:
        session_data.write(request, **{NAME: None})
        return None
    request.twilio_2fa_signing_in = user  # type: ignore[attr-defined]
    return user


def _find(kept: dict[str, Any]) -> Any:
    at, path = kept.get("at"), str(kept.get("backend"))
    if not isinstance(at, int) or not 0 <= time.time() - at <= LIFETIME:
        return None
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        key = get_user_model()._meta.pk.to_python(kept.get("user"))
    except ValidationError:
        return None
    # The backend returns None for a user who may no longer sign in.
    user = load_backend(path).get_user(key)
    if user is None or kept.get("auth") not in session_data.auth_digests(user):
        return None
    user.backend = path
    return user


def is_verified_by(request: HttpRequest, row: Verification) -> bool:
    """Return whether a row is an approval of the user who is signing in, in this session."""
    user, flow = getattr(request, "twilio_2fa_signing_in", None), session_data.get_flow(request)
    own = user is not None and row.user_id == user.pk and row.flow_digest in digests("flow", flow)
    return own and row.verifies_session and row.approved_at is not None


def finish(request: HttpRequest) -> str:
    """Sign in the verified user. Returns the page to go to that `begin` has stored, or an empty string."""
    user: Any = request.twilio_2fa_signing_in  # type: ignore[attr-defined]
    del request.twilio_2fa_signing_in  # type: ignore[attr-defined]
    to = str(session_data.read_part(request, NAME).get("to") or "")
    session_data.write(request, **{NAME: None})
    login(request, user, backend=user.backend)
    return to


@contextmanager
def as_subject(request: HttpRequest, user: Any) -> Iterator[None]:
    """Treat the request as one of a user who has not signed in. Calls may be nested."""
    before = getattr(request, "twilio_2fa_signing_in", None)
    request.twilio_2fa_signing_in = user  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if before is None:
            del request.twilio_2fa_signing_in  # type: ignore[attr-defined]
        else:
            request.twilio_2fa_signing_in = before  # type: ignore[attr-defined]
