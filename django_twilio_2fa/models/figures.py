"""Daily counts of verifications, without personal data. They stay when verifications are deleted."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..managers import PrimaryManager
from .verifications import Purpose


class DailyFigure(models.Model):
    """The counts of one day (UTC), method, country and purpose.

    Verifications are added once they have ended and can no longer change, see `process.folding`. Locks and
    refusals by a limit have no row of their own, so they are added as they happen.
    """

    day = models.DateField(_("day"))
    method = models.CharField(_("method"), max_length=64)
    country = models.CharField(_("country"), max_length=2, blank=True)
    purpose = models.CharField(_("purpose"), max_length=8, choices=Purpose.choices)

    verifications = models.PositiveIntegerField(_("verifications"), default=0)
    sent = models.PositiveIntegerField(pgettext_lazy("how many", "sent"), default=0)
    approved = models.PositiveIntegerField(_("approved"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    expired = models.PositiveIntegerField(_("expired"), default=0)
    canceled = models.PositiveIntegerField(_("canceled"), default=0)
    refused = models.PositiveIntegerField(_("refused by the provider"), default=0)
    limited = models.PositiveIntegerField(_("refused by a limit"), default=0)
    locked = models.PositiveIntegerField(_("locks"), default=0)
    times = models.JSONField(default=dict)
    """The number of approvals by the seconds that they took, which are stored as text."""

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("daily figure")
        verbose_name_plural = _("figures")
        constraints = [
            models.UniqueConstraint(
                fields=("day", "method", "country", "purpose"), name="twilio_2fa_one_figure"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.method} {self.country} {self.purpose}"


class DailyAttempt(models.Model):
    """Twilio's numbers for one day (UTC), method and country. `twilio_2fa_reconcile` writes them.

    `purpose` is blank for messages that Twilio knows and this site does not. `known` is the number of
    messages for which Twilio reports whether they were delivered.
    """

    day = models.DateField()
    method = models.CharField(max_length=64)
    country = models.CharField(max_length=2, blank=True)
    purpose = models.CharField(max_length=8, blank=True)
    service = models.CharField(max_length=64)

    attempts = models.PositiveIntegerField(default=0)
    converted = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    price = models.DecimalField(max_digits=14, decimal_places=5, default=0)
    currency = models.CharField(max_length=3, blank=True)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(
                fields=("day", "method", "country", "purpose", "service", "currency"),
                name="twilio_2fa_one_attempt",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.method} {self.country}"
