"""The app: its models, its checks, and the receiver that deletes removed devices at their provider."""

from __future__ import annotations

import warnings
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TwilioTwoFactorConfig(AppConfig):
    name = "django_twilio_2fa"
    label = "twilio_2fa"
    verbose_name = _("Two-factor verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from . import checks  # noqa: F401  registers the checks
        from .process import cleanup

        post_delete.connect(
            cleanup.note, sender=self.get_model("Device"), dispatch_uid="twilio_2fa_leftovers"
        )


class Twilio2faConfig(TwilioTwoFactorConfig):
    """The app's configuration as 0.32 named it. Deprecated: write `"django_twilio_2fa"`."""

    default = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        warnings.warn(
            "Twilio2faConfig is deprecated, write 'django_twilio_2fa' in INSTALLED_APPS.",
            DeprecationWarning,
            stacklevel=2,
        )
