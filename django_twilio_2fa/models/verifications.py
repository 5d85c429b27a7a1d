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
"""Keys of a verification's `details`, beside `EXTENSION`."""


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
    """Return the condition for rows without a check under way."""
    return models.Q(lease_until=None) | models.Q(lease_until__lte=timezone.now())


class VerificationQuerySet(RetryingQuerySet["Verification"]):
    def answer(self, public_id: Any, *, approved: bool) -> bool:
        """Store the answer of the user, approval or refusal. Returns False if it comes second, or too late.

        `public_id`: of the verification, from where no user can choose it.
        """
        waiting = self.filter(public_id=public_id, status=Status.PENDING, answer="")
        told = Answer.APPROVED if approved else Answer.DENIED
        return bool(waiting.filter(expires_at__gt=timezone.now()).update(answer=told))

    def approved_in(self, user: Any, flows: list[str], auths: list[str]) -> VerificationQuerySet:
        """Filter for the approved verifications of one session of the user, newest first.

        `flows` and `auths` are digests of its flow id and its auth hash, under each of the secret keys.
        """
        rows = self.filter(user=user, status=Status.APPROVED, verifies_session=True)
        rows = rows.filter(flow_digest__in=flows, auth_digest__in=auths)
        return rows.order_by("-approved_at")


class Verification(models.Model):
    """A requested code, from the send to its end. Afterwards, the row is an audit trail.

    `destination` is in clear while pending, since a resend needs it, and blank afterwards. `pending_key`
    is unique and set while nothing else may take the row's place. A lease marks a check under way. `data`
    is the provider's, `details` are this package's. `service` is where the provider keeps the verification.
    `browser` is a name such as "Firefox on Windows", and nothing else of the browser is kept.
    `tally` is what was sent by each method, and refused by its provider; see `process.figures`.
    `in_figures`: the row is counted in `DailyFigure`.
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
    # NULL is what leaves the key free: unique columns take any number of them on every database.
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
    """What the send that was just made has to show its user; stored nowhere."""

    approved_now = False
    """Not stored: whether the check that returned this very object is the one that approved it."""

    registered: Any = None
    """Not stored: the device that the approval has just stored."""

    has_replaced = False
    """Not stored: whether that device takes the place of another one."""

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
        """Reload the row, as in Django, but keep a loaded user."""
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
        """Whether a caller who was not signed in requested the code, by naming the user."""
        return UNAUTHENTICATED in self.details

    @property
    def is_passwordless(self) -> bool:
        """Whether it logs in a user who has entered no password. Then the token has to prove two factors."""
        return PASSWORDLESS in self.details

    @property
    def is_first_registration(self) -> bool:
        """Whether this registers the first device of a user."""
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
        """The number or address that the code was sent to. None if there is none, or after the end."""
        if not self.destination:
            return None
        return contact_of(self.kind, self.destination, self.line_type, self.details)

    @property
    def identity(self) -> str:
        """The `identity` of the number or address. Empty if there is none, or after the end."""
        contact = self.contact
        return contact.identity if contact else ""

    @property
    def attempts_left(self) -> int:
        """How many tokens may still be checked."""
        return max(0, int(conf.MAX_ATTEMPTS) - self.attempts)

    @property
    def sends_left(self) -> int:
        """How often the token may still be sent."""
        return max(0, int(conf.MAX_SENDS) - self.sends)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Return whether the token has expired."""
        return self.expires_at <= (now or timezone.now())

    def can_resend_in(self, now: datetime | None = None) -> int:
        """Return the number of seconds until the token may be sent again. 0 for now."""
        if self.next_send_at is None:
            return 0
        left = (self.next_send_at - (now or timezone.now())).total_seconds()
        return max(0, math.ceil(left))
