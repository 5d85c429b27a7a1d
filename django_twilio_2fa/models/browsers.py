"""Browsers that a user has asked the site to remember."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .contention import RetryingManager


class TrustedBrowser(models.Model):
    """A browser in which its user is not asked for a code, for `TRUSTED_BROWSER_AGE`.

    Its cookie has a random token, of which only the digest is stored. Each use makes a new token. `previous`
    is the digest of the one before, and `session_digest` of the session that has replaced it. `contacts` are
    digests, by kind, of the numbers and addresses that the site stored for the user at the time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="twilio_2fa_browsers",
        verbose_name=_("user"),
    )
    name = models.CharField(pgettext_lazy("device", "name"), max_length=64, blank=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    previous = models.CharField(max_length=64, blank=True, editable=False)
    session_digest = models.CharField(max_length=64, blank=True, editable=False)
    auth_digest = models.CharField(max_length=64, editable=False)
    contacts = models.JSONField(default=dict, editable=False)
    trusted_at = models.DateTimeField(_("remembered"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), default=timezone.now, editable=False)

    objects = RetryingManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("remembered browser")
        verbose_name_plural = _("remembered browsers")
        ordering = ("-last_used_at", "pk")

    def __str__(self) -> str:
        return self.name
