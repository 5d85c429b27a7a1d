"""The app configuration. It registers the system checks and connects the signal receivers."""

from __future__ import annotations

import warnings
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


def _device_deleted(**kwargs: Any) -> None:
    # Imported here and not in `ready`: starting Django does not need `process` and the providers.
    from .process import browsers, cleanup, events

    cleanup.schedule_deletion(**kwargs)
    browsers.device_deleted(**kwargs)
    events.device_deleted(**kwargs)


def _end_verifications(**kwargs: Any) -> None:
    from .process import revocation

    revocation.end_with_device(**kwargs)


def _user_deleted(instance: Any, **kwargs: Any) -> None:
    from .models.verifications import Verification
    from .process import folding

    folding.fold_before_deletion(Verification.objects.filter(user=instance.pk))


def _end_session(**kwargs: Any) -> None:
    from .process import revocation

    revocation.end_with_session(**kwargs)


def _note_log_in(request: Any, **kwargs: Any) -> None:
    # TwoFactorMiddleware reads Django's request. Django REST framework wraps it in a request of its own.
    request = getattr(request, "_request", request)
    if isinstance(request, HttpRequest):
        request.twilio_2fa_logged_in = True  # type: ignore[attr-defined]


class TwilioTwoFactorConfig(AppConfig):
    name = "django_twilio_2fa"
    label = "twilio_2fa"
    verbose_name = _("Two-factor verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in, user_logged_out
        from django.db.models.signals import post_delete, pre_delete

        from . import checks  # noqa: F401  registers the checks
        from .conf import conf

        device = self.get_model("Device")
        post_delete.connect(_device_deleted, sender=device, dispatch_uid="twilio_2fa_leftovers")
        pre_delete.connect(_end_verifications, sender=device, dispatch_uid="twilio_2fa_revocation")
        pre_delete.connect(_user_deleted, sender=settings.AUTH_USER_MODEL, dispatch_uid="twilio_2fa_figures")
        user_logged_out.connect(_end_session, dispatch_uid="twilio_2fa_log_out")
        user_logged_in.connect(_note_log_in, dispatch_uid="twilio_2fa_log_in")
        if conf.REQUIRED_IN_ADMIN and apps.is_installed("django.contrib.admin"):
            from .admin.site import require_on_default_site

            require_on_default_site()


class Twilio2faConfig(TwilioTwoFactorConfig):
    """The app configuration under its name in 0.32. Deprecated: write `"django_twilio_2fa"`."""

    default = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        warnings.warn(
            "Twilio2faConfig is deprecated, write 'django_twilio_2fa' in INSTALLED_APPS.",
            DeprecationWarning,
            stacklevel=2,
        )
