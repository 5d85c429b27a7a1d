"""The old project's settings, with the sandbox in place of Twilio."""

from shop.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "django_twilio_2fa.sandbox"]  # noqa: F405
TWILIO_2FA_SANDBOX = True
