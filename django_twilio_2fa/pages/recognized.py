"""Redirect users who do not need to verify: in a remembered browser, or in a verified session."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import browsers, session
from ..process import session_data
from ..reverse import is_own, view_at
from .step import Wizard


def lead_on(wizard: Wizard) -> HttpResponseBase | None:
    """Verify the session and redirect the user, if the browser is remembered. None if it is not.

    Returns None in a session that is verified already, because its user wants to verify again, and on a mount
    for certain methods, which asks for one of them.
    """
    if wizard.step not in ("", "start", "verify") or wizard.adds or wizard.methods is not None:
        return None
    if wizard.step == "verify" and wizard.state.get("verification"):
        return None
    if browsers.FRESH in wizard.request.GET or wizard.is_asked_strictly():
        return None
    if not browsers.are_remembered() or session.is_verified(wizard.request):
        return None
    # The success page signs the user in, if they are not signed in yet.
    return wizard.redirect("success") if browsers.recognize(wizard.request) else None


def way_on(wizard: Wizard) -> str:
    """Return the URL for a user who is verified already. Empty if something asks for more than that."""
    request, to = wizard.request, wizard.get_next_url()
    if wizard.is_registration or wizard.adds or wizard.methods is not None or wizard.is_signing_in:
        return ""
    if browsers.FRESH in request.GET or wizard.is_asked_strictly():
        return ""
    # The session is read first: in an unverified session, `is_verified` makes a query.
    if not session_data.read_part(request, "verified") or not session.is_verified(request):
        return ""
    if wizard.verifier.needs_phone() or _is_page_of_changes(to):
        return ""
    return wizard.get_success_url() or wizard.get_site_url()


def _is_page_of_changes(url: str) -> bool:
    """Return whether a URL is one of this package's pages, which ask for a recent verification."""
    return bool(url) and is_own(view_at(url))


def duration_in_words(duration: timedelta) -> str:
    """Return a duration in words, such as "30 days"."""
    if duration >= timedelta(days=1):
        return ngettext("%(n)d day", "%(n)d days", duration.days) % {"n": duration.days}
    now = timezone.now()
    return timesince(now - duration, now)


def trust_label(duration: timedelta) -> str:
    """Return the label of the checkbox on the verify page that remembers the browser."""
    return _("Do not ask for a code in this browser for %(time)s") % {"time": duration_in_words(duration)}
