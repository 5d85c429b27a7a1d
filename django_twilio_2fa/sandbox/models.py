"""Store the state of the simulated Twilio in the database, so that several processes share it."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone

from ..managers import PrimaryManager


def new_sid(prefix: str) -> str:
    """Return a new SID like Twilio's: two letters and 32 hex digits."""
    return prefix + secrets.token_hex(16)


class SandboxVerification(models.Model):
    """A verification at Twilio. Unlike the kit, it keeps destinations and codes: it has to show them."""

    sid = models.CharField(max_length=34, unique=True)
    service_sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    to = models.CharField(max_length=254, db_index=True)
    channel = models.CharField(max_length=16)
    code = models.CharField(max_length=10)
    status = models.CharField(max_length=24, default="pending")
    # Set while pending: one for a service and destination.
    pending_key = models.CharField(max_length=300, unique=True, null=True)  # noqa: DJ001
    sends = models.PositiveSmallIntegerField(default=0)
    checks = models.PositiveSmallIntegerField(default=0)
    amount = models.CharField(max_length=32, blank=True)
    payee = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"


class SandboxMessage(models.Model):
    """One send, with what was delivered."""

    sid = models.CharField(max_length=34, unique=True)
    verification = models.ForeignKey(SandboxVerification, on_delete=models.CASCADE, related_name="messages")
    to = models.CharField(max_length=254, db_index=True)
    channel = models.CharField(max_length=16)
    sender = models.CharField(max_length=64)
    # As it was asked for; the text is English all the same.
    locale = models.CharField(max_length=16, blank=True)
    body = models.TextField()
    sent_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"
        ordering = ("-sent_at", "-pk")

    def __str__(self) -> str:
        return f"{self.channel} {self.sent_at:%H:%M:%S}"


class SandboxFactor(models.Model):
    """An authenticator at Twilio, and the secret that the app and Twilio share."""

    sid = models.CharField(max_length=34, unique=True)
    service_sid = models.CharField(max_length=34)
    account_sid = models.CharField(max_length=34)
    entity_sid = models.CharField(max_length=34)
    identity = models.CharField(max_length=64, db_index=True)
    friendly_name = models.CharField(max_length=64)
    secret = models.CharField(max_length=64)
    status = models.CharField(max_length=16, default="unverified")
    # The time step of the code that was used last: none is taken twice.
    last_step = models.BigIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PrimaryManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"
