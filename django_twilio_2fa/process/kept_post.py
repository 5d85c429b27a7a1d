"""Keep forms that could not be taken before their user verified, so that they can send them again.

They are encrypted in the session for ten minutes, one for each of three tabs. Files, passwords, codes and
cards are not kept.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError

from . import session_data
from .sealed import seal, unseal

PURPOSE = PART = "posted"
LIFETIME = 600
LONGEST, LONGEST_IN_COOKIE = 50_000, 1_500
"""How many characters of a form are kept."""
MOST, MOST_IN_COOKIE = 3, 1
"""How many forms are kept, the newest ones."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_FIELD = "csrfmiddlewaretoken"
SECRET = re.compile(r"passw|passphrase|pwd|secret|token|cvc|cvv|card|(^|[_-])(otp|pin|code|ssn)$", re.I)


def keep(request: HttpRequest, back: str) -> str:
    """Keep a form that was posted, and the page that it is on. Returns its id. Empty if it cannot be kept."""
    if request.method != "POST" or request.content_type not in FORMS:
        return ""
    if not getattr(request, "csrf_processing_done", False):
        # Another site may have sent it. The user would confirm what they have not written.
        return ""
    try:
        fields = {k: list(v) for k, v in request.POST.lists() if k != CSRF_FIELD}
        if request.FILES or any(map(SECRET.search, fields)):
            return ""
    except (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return ""
    in_cookie = isinstance(request.session, CookieSession)
    longest, most = (LONGEST_IN_COOKIE, MOST_IN_COOKIE) if in_cookie else (LONGEST, MOST)
    form = {"path": request.get_full_path(), "back": back, "fields": fields}
    if len(json.dumps(form)) > longest:
        return ""
    id = secrets.token_hex(4)
    kept = {
        **session_data.read_part(request, PART),
        id: {"at": int(time.time()), "sealed": seal(form, PURPOSE)},
    }
    session_data.write(request, **{PART: dict(list(kept.items())[-most:])})
    return id


def read(request: HttpRequest, id: str = "") -> dict[str, Any] | None:
    """Return a form that is kept: `path`, `fields`, and `back`, the page that it is on. None if it is not.

    Without an id, the last one.
    """
    forms = _forms(request)
    return forms.get(id) if id else next(reversed(forms.values()), None)


def _forms(request: HttpRequest) -> dict[str, dict[str, Any] | None]:
    """Return the forms by their ids. None for one that is too old, or that another user has posted."""
    kept = session_data.read_part(request, PART)
    known = session_data.subject_of(request) is not None and bool(session_data.get_flow(request))
    return {id: _unsealed(one) if known else None for id, one in kept.items()}


def _unsealed(kept: Any) -> dict[str, Any] | None:
    at = kept.get("at") if isinstance(kept, dict) else None
    if not isinstance(at, int) or time.time() > at + LIFETIME:
        return None
    form = unseal(kept.get("sealed"), PURPOSE)
    return form if isinstance(form, dict) else None


def is_sent(request: HttpRequest) -> bool:
    """Return whether this request sends a form that is kept, or whether one is too old."""
    return request.method == "POST" and bool(_over(request))


def forget_sent(request: HttpRequest) -> None:
    """Forget the forms that this request sends, and those that are too old."""
    if request.method == "POST" and (over := _over(request)):
        kept = session_data.read_part(request, PART)
        left = {id: one for id, one in kept.items() if id not in over}
        session_data.write(request, **{PART: left or None})


def _over(request: HttpRequest) -> list[str]:
    path = request.get_full_path()
    return [id for id, form in _forms(request).items() if form is None or form["path"] == path]
