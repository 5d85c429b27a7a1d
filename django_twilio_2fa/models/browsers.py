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
    """A browser that its user has asked to remember. It needs no code for `TRUSTED_BROWSER_AGE`.

    Its cookie holds a random token, and the row stores only the digest of the token. Each use replaces the
    token: `previous` is the digest of the one before, and `session_digest` of the session that replaced it.
    `contacts` maps each kind to the digest of the number or address that the site stored for the user then.
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
