"""Devices of users, and the last verified values of a site's own fields."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .. import errors
from ..contacts import Contact, contact_of, details_of
from ..digests import digest, digests
from ..managers import PrimaryManager
from .contention import RetryingManager, RetryingQuerySet


class DeviceQuerySet(RetryingQuerySet["Device"]):
    def for_value(self, user: Any, kind: str, value: str) -> DeviceQuerySet:
        """Filter for the user's device with this value."""
        try:
            contact = contact_of(kind, value, "", {})
        except errors.TwoFactorError:
            contact = None
        identity = contact.identity if contact else value
        return self.filter(user=user, kind=kind, digest__in=digests(kind, identity))

    def with_value(self, kind: str, value: str) -> DeviceQuerySet:
        """Filter for the devices of all users with this value, of a provider's own kind."""
        return self.filter(kind=kind, digest__in=digests(kind, value))

    def register(self, user: Any, contact: Contact, **fields: Any) -> Device:
        """Register a number or address, without sending a code."""
        return self.update_or_register(user, contact, **fields)[0]

    def update_or_register(self, user: Any, contact: Contact, **fields: Any) -> tuple[Device, bool]:
        """Store a number or address as `register` does. Returns the device and whether it is new."""
        line_type = getattr(contact, "carrier_type", None) or ""
        about = (contact.kind, contact.identity)
        values = {"value": str(contact), "masked": contact.obfuscated, "line_type": line_type, **fields}
        values |= {"digest": digest(*about), "data": details_of(contact)}
        # The stored digest may be from an earlier secret key.
        return self.update_or_create(
            user=user, kind=contact.kind, digest__in=digests(*about), defaults=values
        )


class Device(models.Model):
    """A user's phone number, e-mail address, authenticator or set of recovery codes.

    The pages and the API store a row only after its owner has proven possession. `register` and imports store
    it without proof.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="twilio_2fa_devices",
        verbose_name=_("user"),
    )
    kind = models.CharField(_("kind"), max_length=32)
    name = models.CharField(pgettext_lazy("device", "name"), max_length=64, blank=True)
    value = models.CharField(max_length=254, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    masked = models.CharField(_("value"), max_length=254, editable=False)
    line_type = models.CharField(_("line type"), max_length=16, blank=True)
    data = models.JSONField(default=dict, editable=False)
    registered_at = models.DateTimeField(_("registered"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    # The method of the last use. NULL, so that servers with the previous version can still insert rows.
    last_method = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001
    # The time when its user made it the default. None if it is not the default.
    default_at = models.DateTimeField(null=True, blank=True, editable=False)

    removed_in: Any = None
    """The request that removes this object. Not a database field."""

    is_replaced = False
    """True if this object is deleted because another device replaces it. Not a database field."""

    objects = PrimaryManager.from_queryset(DeviceQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ("registered_at", "pk")
        constraints = [
            models.UniqueConstraint(fields=("user", "kind", "digest"), name="twilio_2fa_one_device")
        ]
        indexes = [models.Index(fields=("digest", "kind"), name="twilio_2fa_accounts")]

    def __str__(self) -> str:
        return self.name or self.masked

    @property
    def contact(self) -> Contact | None:
        """The number or address. None for other kinds. Raises a `TwoFactorError` if it cannot be parsed."""
        return contact_of(self.kind, self.value, self.line_type, self.data)


class ProvenContact(models.Model):
    """The last verified value of a callback. If the callback returns another one, it has to be verified.

    `digest` is empty if no value was verified, but the user made the callback's value the default.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    proven_at = models.DateTimeField(default=timezone.now)
    default_at = models.DateTimeField(null=True)

    objects = RetryingManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.UniqueConstraint(fields=("user", "kind"), name="twilio_2fa_one_proven_contact")]
        indexes = [models.Index(fields=("digest", "kind"), name="twilio_2fa_proven_accounts")]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"
