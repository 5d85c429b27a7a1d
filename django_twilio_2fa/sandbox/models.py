"""Store the state of the simulated Twilio in the database, so that processes share it."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone

from ..managers import PrimaryManager


def new_sid(prefix: str) -> str:
    """Return a new SID like Twilio's: two letters and 32 hex digits."""
    return prefix + secrets.token_hex(16)


class SandboxVerification(models.Model):
    """A verification at Twilio. It stores destinations and codes, because the sandbox has to show them."""

    sid = models.CharField(max_length=34, unique=True)
    service_sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    to = models.CharField(max_length=254, db_index=True)
    channel = models.CharField(max_length=16)
    code = models.CharField(max_length=10)
    status = models.CharField(max_length=24, default="pending")
    # Set while the verification is pending, so that there is one for a service and destination.
    pending_key = models.CharField(max_length=300, unique=True, null=True)  # noqa: DJ001
    sends = models.PositiveSmallIntegerField(default=0)
    checks = models.PositiveSmallIntegerField(default=0)
    amount = models.CharField(max_length=32, blank=True)
    payee = models.CharField(max_length=254, blank=True)
    # The result of Lookup, and the state of Silent Network Auth.
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"


class SandboxMessage(models.Model):
    """One send and its message."""

    sid = models.CharField(max_length=34, unique=True)
    verification = models.ForeignKey(SandboxVerification, on_delete=models.CASCADE, related_name="messages")
    to = models.CharField(max_length=254, db_index=True)
    channel = models.CharField(max_length=16)
    sender = models.CharField(max_length=64)
    # The requested locale. The text is always English.
    locale = models.CharField(max_length=16, blank=True)
    body = models.TextField()
    # True for the last message of a verification that was approved.
    converted = models.BooleanField(default=False)
    sent_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        ordering = ("-sent_at", "-pk")

    def __str__(self) -> str:
        return f"{self.channel} {self.sent_at:%H:%M:%S}"


class SandboxFactor(models.Model):
    """An authenticator app, a push device or a passkey of an entity."""

    sid = models.CharField(max_length=34, unique=True)
    service_sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    entity_sid = models.CharField(max_length=34)
    identity = models.CharField(max_length=64, db_index=True)
    factor_type = models.CharField(max_length=16, default="totp")
    friendly_name = models.CharField(max_length=64)
    # The secret of an authenticator app, or the credential ID of a passkey in base64url.
    secret = models.CharField(max_length=1400)
    # The key of a push device (DER) or a passkey (COSE), in base64.
    public_key = models.TextField(blank=True)
    config = models.JSONField(default=dict)
    metadata = models.JSONField(null=True)
    status = models.CharField(max_length=16, default="unverified")
    # The time step of the last used code, because a code works once. For a passkey, its counter.
    last_step = models.BigIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"


class SandboxChallenge(models.Model):
    """A challenge to an entity, which one of its factors answers."""

    sid = models.CharField(max_length=34, unique=True)
    service_sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    # None if the challenge is for any passkey, until one answers.
    factor = models.ForeignKey(SandboxFactor, on_delete=models.CASCADE, null=True, related_name="challenges")
    identity = models.CharField(max_length=64, blank=True, db_index=True)
    factor_type = models.CharField(max_length=16)
    status = models.CharField(max_length=16, default="pending")
    details = models.JSONField(null=True)
    hidden_details = models.JSONField(null=True)
    metadata = models.JSONField(null=True)
    options = models.JSONField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField()
    responded_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"


class SandboxResource(models.Model):
    """A resource that is only created, read, updated and deleted. The module `store` has the functions."""

    kind = models.CharField(max_length=24)
    sid = models.CharField(max_length=34, unique=True)
    account_sid = models.CharField(max_length=34)
    service_sid = models.CharField(max_length=34, blank=True)
    parent_sid = models.CharField(max_length=34, blank=True)
    name = models.CharField(max_length=128, blank=True)
    # Set if the name has to be unique below the parent.
    key = models.CharField(max_length=200, unique=True, null=True)  # noqa: DJ001
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        indexes = [models.Index(fields=["kind", "service_sid"], name="twilio_2fa_sandbox_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.sid}"


class SandboxRateCount(models.Model):
    """The number of sends in a bucket of a rate limit, for one value, since a time."""

    bucket_sid = models.CharField(max_length=34)
    value = models.CharField(max_length=64)
    since = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=0)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["bucket_sid", "value"], name="twilio_2fa_sandbox_one_count")
        ]

    def __str__(self) -> str:
        return f"{self.bucket_sid} {self.count}"
