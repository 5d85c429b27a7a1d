"""Convert times between Django's `USE_TZ` and Twilio.

Times are stored as `timezone.now()` returns them. Convert times from outside with `stored`, times for
receivers and providers with `aware`, and times for pages with `local`.
"""

from __future__ import annotations

from datetime import datetime, timezone

from django.conf import global_settings, settings
from django.utils import formats
from django.utils.timezone import get_default_timezone, is_naive, localtime, make_aware, make_naive

from .errors import listed


def aware(moment: datetime) -> datetime:
    """Return a datetime in UTC. A naive datetime is taken to be in `TIME_ZONE`."""
    if is_naive(moment):
        moment = make_aware(moment, get_default_timezone())
    return moment.astimezone(timezone.utc)


def from_unix(seconds: float) -> datetime:
    """Return the moment of a Unix time, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def stored(moment: datetime) -> datetime:
    """Return a datetime as the database stores it. It can be compared with `timezone.now()`."""
    return aware(moment) if settings.USE_TZ else make_naive(aware(moment), get_default_timezone())


def local(moment: datetime) -> datetime:
    """Return a stored datetime in the current time zone, for formatting it in Python."""
    return moment if is_naive(moment) else localtime(moment)


def date_and_time(moment: datetime | None) -> str:
    """Format a local datetime in the active language. Empty for None.

    For a language without `DATETIME_FORMAT` in Django, the formats of the date and the time are joined.
    """
    if not moment:
        return ""
    if formats.get_format("DATETIME_FORMAT") != global_settings.DATETIME_FORMAT:
        return formats.date_format(moment, "DATETIME_FORMAT")
    first, second = formats.date_format(moment, "DATE_FORMAT"), formats.time_format(moment, "TIME_FORMAT")
    return listed(first, second)
