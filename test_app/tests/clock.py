"""Time passes by moving what is stored back, in the kit and at the sandbox; counts stay in their windows."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F

from django_twilio_2fa.models import Device, ProvenContact, Verification
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification


def pass_time(seconds: float) -> None:
    by = timedelta(seconds=seconds)
    for model in (Device, ProvenContact, Verification, SandboxMessage, SandboxVerification):
        names = [f.name for f in model._meta.fields if isinstance(f, models.DateTimeField)]
        for name in names:
            model.objects.exclude(**{name: None}).update(**{name: F(name) - by})
