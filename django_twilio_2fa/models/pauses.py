"""Pauses of sending. They are stored as locks, so the query that reads locks finds them, too."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from .. import moments
from .contention import RetryingManager
from .counters import Lock

_NO_DATE = 253402128000
"""The Unix time of 30 December 9999. In some time zones, Python has no datetime for a later one."""


class PauseManager(RetryingManager["Pause"]):
    def get_queryset(self) -> QuerySet[Pause]:
        return super().get_queryset().filter(scope=Pause.SCOPE)

    def lasting(self) -> QuerySet[Pause]:
        """Return the active pauses."""
        return self.get_queryset().filter(until__gt=int(time.time()))


class Pause(Lock):
    """A pause of sends by a method, to a place, or both. It can be limited to registrations.

    The key names the method, the place and registrations, so a send finds its pauses by key. `details` has
    the same in full, with the reason, the author and the time.
    """

    SCOPE = "pause"

    objects: ClassVar[PauseManager] = PauseManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        base_manager_name = "objects"
        verbose_name = _("pause of sending")
        verbose_name_plural = _("pauses of sending")

    def __str__(self) -> str:
        return self.key

    def _detail(self, name: str) -> Any:
        return (self.details or {}).get(name)

    @property
    def method(self) -> str:
        """The name of the paused method. Empty for all methods."""
        return str(self._detail("method") or "")

    @property
    def place(self) -> str:
        """The paused country, beginning of a number, or other place of `process.places`. Empty for all."""
        return str(self._detail("place") or "")

    @property
    def registrations(self) -> bool:
        """Return whether only registrations are paused: sends to destinations that nobody has proven yet."""
        return bool(self._detail("registrations"))

    @property
    def reason(self) -> str:
        """The reason, written by an administrator or the breaker."""
        return str(self._detail("reason") or "")

    @property
    def by(self) -> str:
        """The author of the pause: `admin`, `command` or `breaker`."""
        return str(self._detail("by") or "")

    @property
    def began(self) -> datetime | None:
        """The time when the pause began."""
        since = self._detail("since")
        return moments.from_unix(since) if since else None

    @property
    def ends(self) -> datetime | None:
        """The time when the pause ends. None if an administrator has to end it."""
        return None if self.until >= _NO_DATE else moments.from_unix(self.until)
