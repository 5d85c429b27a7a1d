"""Keep posted forms whose user has to verify first, so that the user can send them again afterwards.

The session keeps at most three forms, encrypted, for ten minutes. Forms with files, passwords, codes or card
numbers are not kept.
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
"""The maximum length of a form in characters."""
MOST, MOST_IN_COOKIE = 3, 1
"""The maximum number of forms. The newest are kept."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_FIELD = "csrfmiddlewaretoken"
SECRET = re.compile(r"passw|passphrase|pwd|secret|token|cvc|cvv|card|(^|[_-])(otp|pin|code|ssn)$", re.I)


def keep(request: HttpRequest, back: str) -> str:
    """Keep a posted form and the page that contains it. Returns its id. Empty if it cannot be kept."""
    if request.method != "POST" or request.content_type not in FORMS:
        return ""
    if not getattr(request, "csrf_processing_done", False):
        # Another site may have sent the form. The user would then confirm input of an attacker.
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
    """Return a kept form: `path`, `fields`, and `back`, the page that contains it. None if it is not kept.

    Without an id, return the last form.
    """
    forms = _forms(request)
    return forms.get(id) if id else next(reversed(forms.values()), None)


def _forms(request: HttpRequest) -> dict[str, dict[str, Any] | None]:
    """Return the kept forms by id. None for a form that is too old, or of another user."""
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
    """Return whether this request sends a kept form, or a kept form is too old."""
    return request.method == "POST" and bool(_over(request))


def forget_sent(request: HttpRequest) -> None:
    """Forget the forms that this request sends, and forms that are too old."""
    if request.method == "POST" and (over := _over(request)):
        kept = session_data.read_part(request, PART)
        left = {id: one for id, one in kept.items() if id not in over}
        session_data.write(request, **{PART: left or None})


def _over(request: HttpRequest) -> list[str]:
    path = request.get_full_path()
    return [id for id, form in _forms(request).items() if form is None or form["path"] == path]
