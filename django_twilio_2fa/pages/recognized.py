"""A user whose browser is remembered: they are asked for nothing."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import browsers, session
from .base import FRESH
from .step import Wizard


def lead_on(wizard: Wizard) -> HttpResponseBase | None:
    """Verify the session and lead its user on, if the browser is remembered. None if it is not.

    Not in a session that is verified already: its user is here to verify again. A mount for certain methods
    asks for one of them.
    """
    if wizard.step not in ("", "start") or wizard.adds or wizard.methods is not None:
        return None
    if FRESH in wizard.request.GET or wizard.is_asked_strictly():
        return None
    if not browsers.are_remembered() or session.is_verified(wizard.request):
        return None
    # The page that this leads to signs a user in who is not signed in yet.
    return wizard.redirect("success") if browsers.recognize(wizard.request) else None


def duration_in_words(duration: timedelta) -> str:
    """Return for how long a browser is remembered."""
    if duration >= timedelta(days=1):
        return ngettext("%(n)d day", "%(n)d days", duration.days) % {"n": duration.days}
    now = timezone.now()
    return timesince(now - duration, now)


def trust_label(duration: timedelta) -> str:
    """Return the label of the box on the verify page."""
    return _("Do not ask for a code in this browser for %(time)s") % {"time": duration_in_words(duration)}
