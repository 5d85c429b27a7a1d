"""Convert times between Django's `USE_TZ` and Twilio.

All that is stored is as `timezone.now()` has it. What comes from outside goes through `stored`, what others
are told through `aware`, and what a page shows through `local`.
"""

from __future__ import annotations

from datetime import datetime, timezone

from django.conf import settings
from django.utils.timezone import get_default_timezone, is_naive, localtime, make_aware, make_naive


def aware(moment: datetime) -> datetime:
    """Return the moment in UTC. A naive one is taken to be in the site's `TIME_ZONE`."""
    if is_naive(moment):
        moment = make_aware(moment, get_default_timezone())
    return moment.astimezone(timezone.utc)


def stored(moment: datetime) -> datetime:
    """Return the moment as the database stores it. It can be compared with `timezone.now()`."""
    return aware(moment) if settings.USE_TZ else make_naive(aware(moment), get_default_timezone())


def local(moment: datetime) -> datetime:
    """Return a stored moment in the user's time zone, for code that formats it. Template filters do so."""
    return moment if is_naive(moment) else localtime(moment)
