"""Attempts to prove possession of a device."""

from __future__ import annotations

import math
import uuid
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..contacts import Contact
from ..contention import again
from ..managers import PrimaryManager
from .devices import EXTENSION, NAME, STRANGER, Device, contact_of


class Purpose(models.TextChoices):
    PROVE = "prove", _("prove a device")
    ENROL = "enrol", _("register a device")


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    APPROVED = "approved", _("approved")
    CANCELED = "canceled", _("canceled")
    EXPIRED = "expired", _("expired")
    FAILED = "failed", _("failed")


class Answer(models.TextChoices):
    """The answer from elsewhere that a page waits for."""

    APPROVED = "approved", _("approved")
    DENIED = "denied", _("denied")


class VerificationQuerySet(models.QuerySet["Verification"]):
    def answer(self, public_id: Any, *, approved: bool) -> bool:
        """Record the answer to a pending verification that waits for one; returns whether it was the first.

        `public_id`: of the verification, from where no user can choose it.
        """
        waiting = self.filter(public_id=public_id, status=Status.PENDING, answer="")
        told = Answer.APPROVED if approved else Answer.DENIED
        return bool(waiting.filter(expires_at__gt=timezone.now()).update(answer=told))

    def update(self, **values: Any) -> int:
        """Update, and try again after a deadlock: concurrent requests update the same row."""
        return again(partial(super().update, **values), using=self.db)

    update.alters_data = True  # type: ignore[attr-defined]


class Verification(models.Model):
    """One attempt to prove possession; afterwards, its audit trail.

    `destination` is in clear while pending, since a resend needs it, and blank afterwards. `pending_key`
    is unique and set while nothing else may take the row's place. A lease marks a check under way. `data`
    is the provider's, `details` are the kit's. `service` is where the provider keeps the verification.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="twilio_2fa_verifications",
    )
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    transport = models.CharField(max_length=64)
    method = models.CharField(max_length=64)
    kind = models.CharField(max_length=32, blank=True)
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    replaces = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    proof = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    destination = models.CharField(max_length=254, blank=True)
    destination_digest = models.CharField(max_length=64, blank=True)
    masked = models.CharField(max_length=254, blank=True)
    line_type = models.CharField(max_length=16, blank=True)
    sid = models.CharField(max_length=64, blank=True)
    service = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    details = models.JSONField(default=dict)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    # NULL is what leaves the key free: unique columns take any number of them on every database.
    pending_key = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001

    sends = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    last_sent_at = models.DateTimeField(null=True)
    next_send_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    lease = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)

    verifies = models.BooleanField(default=False)
    flow_digest = models.CharField(max_length=64, blank=True)
    auth_digest = models.CharField(max_length=64, blank=True)
    proof_used_at = models.DateTimeField(null=True)

    secret: dict[str, Any] | None = None
    """What the send that was just made has to show its user; stored nowhere."""

    approved_now = False
    """Not stored: whether the check that returned this very object is the one that approved it."""

    objects = PrimaryManager.from_queryset(VerificationQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        indexes = [
            models.Index(fields=("user", "flow_digest", "approved_at"), name="twilio_2fa_verified"),
            models.Index(fields=("sid",), name="twilio_2fa_sid"),
            models.Index(fields=("destination_digest",), name="twilio_2fa_destination"),
            models.Index(fields=("status", "expires_at"), name="twilio_2fa_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.status}"

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, but a user that is known already is not loaded again."""
        known = self._state.fields_cache.get("user")
        super().refresh_from_db(*args, **kwargs)
        if known is not None and known.pk == self.user_id:
            self.user = known

    @property
    def verification_sid(self) -> str:
        """Twilio's SID, or our own id where no Twilio is behind it."""
        return self.sid or str(self.public_id)

    @property
    def by_stranger(self) -> bool:
        """Whether a caller who was not signed in began it, by naming its user."""
        return STRANGER in self.details

    @property
    def extension(self) -> str:
        """The extension to be dialled once a call is answered; empty for none."""
        return str(self.details.get(EXTENSION, ""))

    @property
    def device_name(self) -> str:
        """The name that the user has given to what is being registered; empty for none."""
        return str(self.details.get(NAME, ""))

    @property
    def contact(self) -> Contact | None:
        """The number or address that codes go to; None where there is none, or not any more."""
        if not self.destination:
            return None
        return contact_of(self.kind, self.destination, self.line_type, self.details)

    @property
    def identity(self) -> str:
        """The destination as it is compared and counted; empty where there is none, or not any more."""
        contact = self.contact
        return contact.identity if contact else ""

    @property
    def attempts_left(self) -> int:
        """The number of tokens that may still be checked."""
        return max(0, int(conf.MAX_ATTEMPTS) - self.attempts)

    @property
    def sends_left(self) -> int:
        """The number of sends that are still allowed."""
        return max(0, int(conf.MAX_SENDS) - self.sends)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Return whether the lifetime of its token is over."""
        return self.expires_at <= (now or timezone.now())

    def can_resend_in(self, now: datetime | None = None) -> int:
        """Whole seconds until the next send is allowed; 0 for now."""
        if self.next_send_at is None:
            return 0
        left = (self.next_send_at - (now or timezone.now())).total_seconds()
        return max(0, math.ceil(left))
