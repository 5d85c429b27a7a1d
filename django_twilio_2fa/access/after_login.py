"""After a log-in, lead straight to the wizard if the next page would only redirect there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, ResolverMatch
from django.utils.translation import get_language, get_language_from_path

from .. import errors
from ..conf import conf
from ..reverse import match_at, on_this_site
from ..session import get_verifier
from .exempt import is_exempt
from .first_page import first_page_url, is_navigation
from .refusal import wants_data
from .requirement import Requirement, SiteRequirement

logger = logging.getLogger(__name__)


def lead_on(request: HttpRequest, response: Any) -> None:
    """Let the redirect of a log-in lead to the wizard, if its page requires verification.

    It saves the user a request. It changes nothing unless a person has logged in with a form, the page asks
    this user to verify before it does anything else, and the user has a device. In all other cases, the page
    decides when it is opened.
    """
    if response.status_code != 302 or not is_navigation(request):
        return
    try:
        if url := _wizard_before(request, response.headers.get("Location", "")):
            response.headers["Location"] = url
    except Exception as e:
        # The user has logged in all the same. The page asks again, and shows what has failed.
        logger.error("A log-in could not be led to the wizard: %s", type(e).__name__)


def _wizard_before(request: HttpRequest, to: str) -> str:
    """Return the URL of the wizard if a page leads there. Otherwise empty."""
    match = _match_of(request, to)
    if match is None or wants_data(request, match.func):
        return ""
    requirement = _requirement_at(match)
    if requirement is None or requirement.is_strict or requirement.is_met(request):
        return ""
    verifier = get_verifier(request)
    try:
        verifier.authorize()
    except errors.UserNotAllowed:
        return ""
    registered = verifier.registered()
    if not registered or requirement.is_recognized(request):
        return ""
    with _opening(request, match), suppress(NoReverseMatch):
        return f"{first_page_url(request, lambda: registered)}?{urlencode({'next': to})}"
    return ""


def _match_of(request: HttpRequest, to: str) -> ResolverMatch | None:
    """Return what is at a path of this site. None if the request for it might find something else."""
    if not to.startswith("/") or not on_this_site(request, to) or hasattr(request, "urlconf"):
        return None
    if get_language_from_path(to) not in (None, get_language()):
        return None
    return match_at(to)


@contextmanager
def _opening(request: HttpRequest, match: ResolverMatch) -> Iterator[None]:
    """Find the wizard as from the page: it may be included below parameters of the page's path."""
    before, request.resolver_match = request.resolver_match, match
    try:
        yield
    finally:
        request.resolver_match = before


def _requirement_at(match: ResolverMatch) -> Requirement | None:
    """Return what the middleware or the view requires first at a page. None if that is uncertain."""
    # Not by a callback: it may look at the path of the request, which is that of the log-in page here.
    if conf.REQUIRED_CB is True and not is_exempt(match.func, match):
        return SiteRequirement()
    return _requirement_of(match.func)


def _requirement_of(view: Any) -> Requirement | None:
    """Return what a view asks for before it does anything else. The guards mark it on the view."""
    guarded, requirement = getattr(view, "_two_factor_requirement", (None, None))
    if guarded is view:
        return requirement
    of_class = getattr(getattr(view, "view_class", None), "_two_factor_requirement_of", None)
    # Something else comes first in a view that is wrapped in another one.
    return of_class(view.view_initkwargs) if of_class and not hasattr(view, "__wrapped__") else None
