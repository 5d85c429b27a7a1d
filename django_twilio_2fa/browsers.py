"""Remember browsers with a cookie. Their users are not asked for a code there. See `TRUSTED_BROWSER_AGE`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from . import errors
from .digests import digests
from .models.browsers import TrustedBrowser
from .models.verifications import Verification
from .process import browsers
from .process.session_data import auth_digests, get_subject, subject_of
from .providers.user_agent import name_of, shown_name
from .state import remember

COOKIE = "twilio_2fa_browser"

FRESH = "fresh"
"""The query parameter that asks for a code even in a remembered browser."""


def are_remembered() -> bool:
    """Return whether the site remembers browsers."""
    return browsers.age() is not None


def trust(request: HttpRequest, response: HttpResponseBase, verification: Verification) -> bool:
    """Remember the browser of a user who has just been verified. Returns whether it is remembered now."""
    if _cookie_name(request) is None:
        return False
    made = browsers.trust(get_subject(request), verification, name_of(request))
    if made is None:
        return False
    _set_cookie(request, response, *made)
    return True


def recognize(request: HttpRequest) -> bool:
    """Verify the session if its browser is remembered. Returns whether it is.

    Call `renew_cookie` with the response afterwards, in either case.
    """
    found = _read_cookie(request)
    if found is None or not are_remembered():
        return False
    subject = get_subject(request, create=True)
    known = browsers.recognize(
        subject,
        *found,
        auths=auth_digests(subject.user),
        session=str(request.session.session_key or ""),
    )
    request.twilio_2fa_browser = known and known[1:]  # type: ignore[attr-defined]
    if known is None:
        return False
    remember(request, known[0])
    return True


def lets_in(request: HttpRequest) -> bool:
    """Verify the session of a request that a guard would refuse, if its browser is remembered.

    Returns whether it is. Does nothing if the site refuses the user (`ALLOW_USER_CB`).
    """
    if not are_remembered() or hasattr(request, "twilio_2fa_browser") or _read_cookie(request) is None:
        return False
    try:
        get_subject(request).authorize()
    except errors.UserNotAllowed:
        return False
    return recognize(request)


def renew_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set the cookie with its new token, or delete the cookie of a browser that is not remembered."""
    name = _cookie_name(request)
    if name is None or not hasattr(request, "twilio_2fa_browser"):
        return
    known = request.twilio_2fa_browser
    if known is None:
        response.delete_cookie(name, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN)
    elif known[1]:
        _set_cookie(request, response, *known)


def list_browsers(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the user's remembered browsers: `id`, `name`, `trusted_at`, `last_used_at`, `is_current`."""
    if not request.user.is_authenticated:
        return []
    cookie = _read_cookie(request)
    return [
        {
            "id": str(browser.pk),
            "name": shown_name(browser.name),
            "trusted_at": browser.trusted_at,
            "last_used_at": browser.last_used_at,
            "is_current": cookie is not None and cookie[0] == browser.pk,
        }
        for browser in browsers.current(request.user, auth_digests(request.user))
    ]


def end_browser(request: HttpRequest, id: str) -> bool:
    """Forget one of the user's browsers. Returns whether there was one with this id."""
    try:
        found = TrustedBrowser.objects.filter(user=request.user.pk, pk=UUID(id)).first()
    except ValueError:
        return False
    if found is not None:
        browsers.end(found, "user", request)
    return found is not None


def end_browsers(user: Any, request: HttpRequest | None = None) -> int:
    """Forget all of a user's browsers. Returns their number."""
    return browsers.end_all(user, "user", request)


# The cookie contains the id of the row and the token. Each user of a browser has a separate cookie.


def _cookie_name(request: HttpRequest) -> str | None:
    """Return the name of the cookie of the request's user. None for an API token, or without a user."""
    user = subject_of(request)
    if user is None or hasattr(request, "twilio_2fa_flow"):
        return None
    return _cookie_names(user)[0]


def _cookie_names(user: Any) -> list[str]:
    return [f"{COOKIE}_{found[:16]}" for found in digests("browser of", user.pk)]


def _read_cookie(request: HttpRequest) -> tuple[UUID, str] | None:
    """Return the id and the token in the cookie of the request's user. None if it is missing or malformed.

    The token is not checked here.
    """
    if _cookie_name(request) is None:
        return None
    names = _cookie_names(subject_of(request))
    texts = [request.COOKIES[name] for name in names if name in request.COOKIES]
    id, _, token = (texts[0] if texts else "").partition(".")
    try:
        return (UUID(id), token) if token else None
    except ValueError:
        return None


def _set_cookie(
    request: HttpRequest, response: HttpResponseBase, browser: TrustedBrowser, token: str
) -> None:
    kept_for, name = browsers.age(), _cookie_name(request)
    if kept_for is None or name is None:
        return
    left = browser.trusted_at + kept_for - timezone.now()
    response.set_cookie(
        name,
        f"{browser.pk.hex}.{token}",
        max_age=max(1, int(left.total_seconds())),
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=True,
        httponly=True,
        samesite="Lax",
    )
