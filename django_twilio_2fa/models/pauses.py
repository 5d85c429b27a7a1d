"""Pauses of sending, which are found by the query that reads locks."""

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
"""The Unix time of 30 December 9999. Python has no datetime for a later one in each time zone."""


class PauseManager(RetryingManager["Pause"]):
    def get_queryset(self) -> QuerySet[Pause]:
        return super().get_queryset().filter(scope=Pause.SCOPE)

    def lasting(self) -> QuerySet[Pause]:
        """Return the pauses that have not ended."""
        return self.get_queryset().filter(until__gt=int(time.time()))


class Pause(Lock):
    """A stop of sends: by a method, to a place, or both, perhaps only of registrations.

    The key names what is stopped, so a send finds its pauses by key. `details` has the same in full, with the
    reason, who made the pause and when.
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
        """The name of the method. Empty for all."""
        return str(self._detail("method") or "")

    @property
    def place(self) -> str:
        """The country, the beginning of a number, or what else `places` names. Empty for all."""
        return str(self._detail("place") or "")

    @property
    def registrations(self) -> bool:
        """Whether only registrations are stopped: sends to what nobody has proven yet."""
        return bool(self._detail("registrations"))

    @property
    def reason(self) -> str:
        """Why, as somebody wrote it, or the breaker."""
        return str(self._detail("reason") or "")

    @property
    def by(self) -> str:
        """Who made it: `admin`, `command` or `breaker`."""
        return str(self._detail("by") or "")

    @property
    def began(self) -> datetime | None:
        """When it began."""
        since = self._detail("since")
        return moments.from_unix(since) if since else None

    @property
    def ends(self) -> datetime | None:
        """When it ends by itself. None if somebody has to end it."""
        return None if self.until >= _NO_DATE else moments.from_unix(self.until)
