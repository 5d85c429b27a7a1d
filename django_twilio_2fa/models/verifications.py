"""Attempts to prove possession of a device."""

from __future__ import annotations

import math
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..contacts import EXTENSION, Contact, contact_of
from ..managers import PrimaryManager
from .contention import RetryingQuerySet

NAME, UNAUTHENTICATED, PASSWORDLESS = "name", "unauthenticated", "passwordless"
"""Keys of a verification's `details`, in addition to `EXTENSION`."""


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
    """The answer of a user who approves or refuses while a page waits."""

    APPROVED = "approved", _("approved")
    DENIED = "denied", _("denied")


def lease_free() -> models.Q:
    """Return the condition for rows without a running check."""
    return models.Q(lease_until=None) | models.Q(lease_until__lte=timezone.now())


class VerificationQuerySet(RetryingQuerySet["Verification"]):
    def answer(self, public_id: Any, *, approved: bool) -> bool:
        """Store the user's approval or refusal. Returns False if the verification is answered or over.

        `public_id`: has to come from a source that users cannot manipulate.
        """
        waiting = self.filter(public_id=public_id, status=Status.PENDING, answer="")
        told = Answer.APPROVED if approved else Answer.DENIED
        return bool(waiting.filter(expires_at__gt=timezone.now()).update(answer=told))

    def approved_in(self, user: Any, flows: list[str], auths: list[str]) -> VerificationQuerySet:
        """Filter for the approved verifications of one session of the user, newest first.

        `flows` and `auths` are digests of its flow id and its auth hash, under each secret key.
        """
        rows = self.filter(user=user, status=Status.APPROVED, verifies_session=True)
        rows = rows.filter(flow_digest__in=flows, auth_digest__in=auths)
        return rows.order_by("-approved_at")


class Verification(models.Model):
    """A requested code, from the send to its end. Afterwards, the row is an audit trail.

    `destination` is stored in clear text while pending, because a resend needs it, and blank afterwards.
    `pending_key` is unique, and set while no other verification may begin for the same user, purpose,
    transport and destination. A lease marks a running check. `data` belongs to the provider, `details` to
    this package. `service` is where the provider keeps the verification. `browser` is a name such as
    "Firefox on Windows"; nothing else about the browser is stored. `tally` counts each method's sends and its
    provider's refusals, see `process.figures`. `in_figures`: counted in `DailyFigure`, or not to be counted.
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
    device = models.ForeignKey("Device", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    replaces = models.ForeignKey("Device", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    proof = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    destination = models.CharField(max_length=254, blank=True)
    destination_digest = models.CharField(max_length=64, blank=True)
    masked = models.CharField(max_length=254, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    line_type = models.CharField(max_length=16, blank=True)
    browser = models.CharField(_("browser"), max_length=64, blank=True)
    sid = models.CharField(max_length=64, blank=True)
    service = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    details = models.JSONField(default=dict)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    # NULL frees the key: on every database, a unique column may have any number of NULLs.
    pending_key = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001

    sends = models.PositiveSmallIntegerField(default=0)
    tally = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    last_sent_at = models.DateTimeField(null=True)
    next_send_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    lease = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)

    verifies_session = models.BooleanField(default=False)
    flow_digest = models.CharField(max_length=64, blank=True)
    auth_digest = models.CharField(max_length=64, blank=True)
    proof_used_at = models.DateTimeField(null=True)
    in_figures = models.BooleanField(default=False)

    secret: dict[str, Any] | None = None
    """Data of the last send that its user has to see. Not a database field."""

    approved_now = False
    """True if the check that returned this object has approved it. Not a database field."""

    registered: Any = None
    """The device that the approval has just stored. Not a database field."""

    has_replaced = False
    """True if `registered` replaces another device. Not a database field."""

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
            models.Index(fields=("in_figures", "created_at"), name="twilio_2fa_figures"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.status}"

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Reload the row as Django does, but keep a user that is loaded already."""
        known = self._state.fields_cache.get("user")
        super().refresh_from_db(*args, **kwargs)
        if known is not None and known.pk == self.user_id:
            self.user = known

    @property
    def verification_sid(self) -> str:
        """Twilio's SID, or the public id if the method does not use Twilio."""
        return self.sid or str(self.public_id)

    @property
    def is_unauthenticated(self) -> bool:
        """Return whether a caller who has not signed in requested the code by naming the user."""
        return UNAUTHENTICATED in self.details

    @property
    def is_passwordless(self) -> bool:
        """Return whether this is a log-in without a password. The token then has to prove two factors."""
        return PASSWORDLESS in self.details

    @property
    def is_first_registration(self) -> bool:
        """Return whether this registers the first device of a user."""
        return self.purpose == Purpose.ENROL and self.proof_id is None

    @property
    def extension(self) -> str:
        """The extension to dial when a call is answered. Empty for none."""
        return str(self.details.get(EXTENSION, ""))

    @property
    def device_name(self) -> str:
        """The name of the device that is being registered. Empty for none."""
        return str(self.details.get(NAME, ""))

    @property
    def contact(self) -> Contact | None:
        """The number or address that the code was sent to. None if there is none or the row has ended."""
        if not self.destination:
            return None
        return contact_of(self.kind, self.destination, self.line_type, self.details)

    @property
    def identity(self) -> str:
        """The `identity` of the number or address. Empty if there is none or the row has ended."""
        contact = self.contact
        return contact.identity if contact else ""

    @property
    def attempts_left(self) -> int:
        """The number of tokens that may still be checked."""
        return max(0, int(conf.MAX_ATTEMPTS) - self.attempts)

    @property
    def sends_left(self) -> int:
        """The number of sends left."""
        return max(0, int(conf.MAX_SENDS) - self.sends)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Return whether the token has expired."""
        return self.expires_at <= (now or timezone.now())

    def can_resend_in(self, now: datetime | None = None) -> int:
        """Return the number of seconds until the token may be sent again. 0 if it may be sent now."""
        if self.next_send_at is None:
            return 0
        left = (self.next_send_at - (now or timezone.now())).total_seconds()
        return max(0, math.ceil(left))
