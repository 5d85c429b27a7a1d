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
    """Return whether the headers say that a person goes to a page: no script, frame, or prefetching."""
    headers = request.headers
    return (
        headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and headers.get("Sec-Fetch-Site") in ("same-origin", "none")
        and not any(headers.get(name) for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    )


def first_page_url(request: HttpRequest, registered: Callable[[], Iterable[Registered]]) -> str:
    """Return the URL of the first page: the verify page for a person with one device, or the start page.

    `registered` returns the devices. The verify page sends the code, or leads to the start page if it may
    not. A user who has begun something, or is verified already and asked for more, begins at the start page.
    Raises `NoReverseMatch` if the wizard is not in the URLs.
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
    """Return whether a wizard keeps a verification in the session, which may have ended."""
    wizards = session_data.read_part(request, "wizards").values()
    return any(isinstance(state, dict) and state.get("verification") for state in wizards)


def may_send_at_once(request: HttpRequest) -> bool:
    """Return whether a page may send a code without a button: a person goes to it, once in a session."""
    return (
        is_navigation(request)
        and not session_data.read(request).get("sent_on_get")
        and bool(conf.resolve("SEND_IMMEDIATELY_ON_SINGLE", user=subject_of(request), request=request))
    )
