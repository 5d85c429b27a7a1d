"""Find the page of the wizard where a user begins to verify."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.http import HttpRequest
from django.urls import NoReverseMatch

from ..conf import conf
from ..process import session_data
from ..process.devices import Registered, is_backup
from ..process.session_data import subject_of
from ..reverse import reverse


def is_navigation(request: HttpRequest) -> bool:
    """Return whether the headers say that a person opens a page: not a script, a frame or a prefetch."""
    headers = request.headers
    return (
        headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and headers.get("Sec-Fetch-Site") in ("same-origin", "none")
        and not any(headers.get(name) for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    )


def first_page_url(request: HttpRequest, registered: Callable[[], Iterable[Registered]]) -> str:
    """Return the URL of the page where the user begins to verify.

    This is the verify page if the user has one device and a code may be sent at once. It is the start page
    for all others, and for users who have begun a verification or are verified already. `registered` returns
    the user's devices; it is called only if it is needed. Raises `NoReverseMatch` if the wizard is not in the
    URLs.
    """
    try:
        url = reverse("start", request=request)
    except NoReverseMatch:  # a wizard of the site's own without this step
        return reverse("index", request=request)
    begun = session_data.read_part(request, "verified") or _has_begun(request)
    if begun or not may_send_at_once(request) or sum(not is_backup(one) for one in registered()) != 1:
        return url
    return reverse("verify", request=request)


def _has_begun(request: HttpRequest) -> bool:
    """Return whether a wizard has begun a verification in this session. It may have ended since."""
    wizards = session_data.read_part(request, "wizards").values()
    return any(isinstance(state, dict) and state.get("verification") for state in wizards)


def may_send_at_once(request: HttpRequest) -> bool:
    """Return whether a page may send a code as soon as a person opens it. It may, once in a session."""
    return (
        is_navigation(request)
        and not session_data.read(request).get("sent_on_get")
        and bool(conf.resolve("SEND_IMMEDIATELY_ON_SINGLE", user=subject_of(request), request=request))
    )
