"""Let users without a device through until their grace period ends."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from .. import moments
from ..process import session_data
from ..process.grace import REGISTER, REMIND, action
from ..process.session_data import subject_of
from ..reverse import reverse
from ..session import get_verifier
from .refusal import READS, wants_data


def lets_through(request: HttpRequest, view: Any = None) -> bool:
    """Return whether the grace period lets the user through. May remind the user, once per session."""
    if subject_of(request) is None:
        return False
    verifier = get_verifier(request)
    until = verifier.grace_ends_at()
    if until is None:
        return False
    what = action(verifier.subject)
    if what == REGISTER:
        # The user has to register or to skip registration first, and is let through afterwards.
        return False
    if what == REMIND and request.method in READS and not wants_data(request, view):
        _remind(request, until)
    return True


def _remind(request: HttpRequest, until: Any) -> None:
    get_verifier(request, create=True)
    if session_data.read(request).get("reminded"):
        return
    text = _("From %(date)s, you need a security code to sign in.") % {
        "date": date_format(moments.local(until), "DATE_FORMAT")
    }
    try:
        url = reverse("start", request=request)
    except NoReverseMatch:
        url = reverse("index", request=request)
    link = format_html('{} <a href="{}">{}</a>', text, url, _("Set it up now"))
    messages.info(request, link, fail_silently=True)
    session_data.write(request, reminded=True)
