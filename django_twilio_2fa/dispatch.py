"""Deprecated: the signals under their import path in 0.32. Import them from `django_twilio_2fa.signals`."""

import warnings

from .signals import (
    twilio_2fa_set_user_data,
    twilio_2fa_twilio_error,
    twilio_2fa_verification_failed,
    twilio_2fa_verification_sent,
    twilio_2fa_verification_status_changed,
    twilio_2fa_verification_success,
)

warnings.warn(
    "django_twilio_2fa.dispatch is deprecated, use django_twilio_2fa.signals.",
    DeprecationWarning,
    stacklevel=2,
)

__all__ = [
    "twilio_2fa_set_user_data",
    "twilio_2fa_twilio_error",
    "twilio_2fa_verification_failed",
    "twilio_2fa_verification_sent",
    "twilio_2fa_verification_status_changed",
    "twilio_2fa_verification_success",
]
