"""Provide test helpers for sites and providers. Tests need no Twilio account and no network."""

from .contract import ProviderContract
from .site import (
    TEST_PHONE_NUMBER,
    TwilioSandbox,
    TwilioSandboxMixin,
    create_two_factor_user,
    register_device,
    verify,
)

__all__ = [
    "TEST_PHONE_NUMBER",
    "ProviderContract",
    "TwilioSandbox",
    "TwilioSandboxMixin",
    "create_two_factor_user",
    "register_device",
    "verify",
]
