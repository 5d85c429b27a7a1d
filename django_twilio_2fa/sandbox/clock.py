"""The clock of the sandbox. It has the machine's time, and can be moved forward."""

from __future__ import annotations

import time as machine
from datetime import timedelta

ahead = 0.0
"""The seconds by which the clock was moved forward."""


def time() -> float:
    """Return the seconds since 1970 (UTC)."""
    return machine.time() + ahead


def move(seconds: float) -> None:
    """Move the clock forward. Stored times move back, and authenticators show a later code."""
    global ahead
    move_rows("twilio_2fa_sandbox", seconds)
    ahead += seconds


def move_rows(app: str, seconds: float) -> None:
    """Move all stored times of an app back."""
    from django.apps import apps
    from django.db import models

    by = timedelta(seconds=seconds)
    for model in apps.get_app_config(app).get_models():
        for field in model._meta.fields:
            if isinstance(field, models.DateTimeField):
                rows = model._default_manager.exclude(**{field.name: None})
                rows.update(**{field.name: models.F(field.name) - by})
