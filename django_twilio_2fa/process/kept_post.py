"""Keep a form that could not be taken before its user verified, so that they can send it again.

It is encrypted in the session for ten minutes. Files, passwords, codes and cards are not kept.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError

from . import session_data
from .sealed import seal, unseal

PURPOSE = "posted"
LIFETIME = 600
LONGEST, LONGEST_IN_COOKIE = 50_000, 1_500
"""How many characters of a form are kept."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_FIELD = "csrfmiddlewaretoken"
SECRET = re.compile(r"passw|passphrase|pwd|secret|token|cvc|cvv|card|(^|[_-])(otp|pin|code|ssn)$", re.I)


def keep(request: HttpRequest, back: str) -> bool:
    """Keep a form that was posted, and the page that it is on. Returns whether that was possible."""
    if request.method != "POST" or request.content_type not in FORMS:
        return False
    if not getattr(request, "csrf_processing_done", False):
        # Another site may have sent it. The user would confirm what they have not written.
        return False
    try:
        fields = {k: list(v) for k, v in request.POST.lists() if k != CSRF_FIELD}
        if request.FILES or any(map(SECRET.search, fields)):
            return False
    except (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return False
    longest = LONGEST_IN_COOKIE if isinstance(request.session, CookieSession) else LONGEST
    form = {"path": request.get_full_path(), "back": back, "fields": fields}
    if len(json.dumps(form)) > longest:
        return False
    session_data.write(request, posted={"at": int(time.time()), "sealed": seal(form, PURPOSE)})
    return True


def read(request: HttpRequest) -> dict[str, Any] | None:
    """Return the form that is kept: `path`, `fields`, and `back`, the page that it is on. None if none is."""
    if session_data.subject_of(request) is None or not session_data.get_flow(request):
        return None
    kept = session_data.read_part(request, "posted")
    at = kept.get("at")
    if not isinstance(at, int) or time.time() > at + LIFETIME:
        return None
    form = unseal(kept.get("sealed"), PURPOSE)
    return form if isinstance(form, dict) else None


def is_sent(request: HttpRequest) -> bool:
    """Return whether this request sends what is kept."""
    if request.method != "POST" or not session_data.read_part(request, "posted"):
        return False
    form = read(request)
    return form is None or form["path"] == request.get_full_path()


def forget_sent(request: HttpRequest) -> None:
    """Forget what is kept, if this request sends it, or if it is too old."""
    if is_sent(request):
        session_data.write(request, posted=None)
