"""Store the used codes of a set. The set itself is a device, whose data has the digests of the codes."""

from __future__ import annotations

from django.db import models

from django_twilio_2fa.managers import PrimaryManager
from django_twilio_2fa.models import Device


class SpentCode(models.Model):
    """A code that has been used. A unique constraint prevents concurrent requests from using one twice."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    spent_at = models.DateTimeField(auto_now_add=True)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.UniqueConstraint(fields=("device", "digest"), name="twilio_2fa_spent_once")]

    def __str__(self) -> str:
        return self.digest[:8]
