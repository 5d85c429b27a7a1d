"""Records of the rows that were imported from other packages."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from ..managers import PrimaryManager


class ImportedDevice(models.Model):
    """A row of another package that was imported. Later imports skip it."""

    source = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    imported_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.UniqueConstraint(fields=("source", "key"), name="twilio_2fa_one_import")]

    def __str__(self) -> str:
        return f"{self.source} {self.key}"
