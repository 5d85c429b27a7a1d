"""The demo of either version for `bench_compare`: over HTTP to a sandbox that both share."""

import os

from demo.settings_test import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
TWILIO_2FA_BASE_URL = os.environ["BENCH_TWILIO"]
TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
