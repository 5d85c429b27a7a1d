"""Counters, and removed devices that are still to be deleted at their provider."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from ..managers import PrimaryManager


class Counter(models.Model):
    """A count of events in one window: `n` for a scope, a key and the window's start (Unix time)."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    window = models.BigIntegerField()
    n = models.PositiveIntegerField(default=0)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=("scope", "key", "window"), name="twilio_2fa_one_counter")
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.n}"


class Leftover(models.Model):
    """A device that is gone here and may be there still at its provider's."""

    kind = models.CharField(max_length=32)
    value = models.CharField(max_length=254)
    data = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.kind
