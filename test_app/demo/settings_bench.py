"""Settings of the demo for `make bench`, with a sandbox over HTTP."""

import os

from .settings_test import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
TWILIO_2FA_BASE_URL = os.environ.get("BENCH_TWILIO")
TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
MIDDLEWARE = ["demo.middleware.QueryCountMiddleware", *MIDDLEWARE]  # noqa: F405

if os.environ.get("BENCH_NAMES"):
    TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = "username"
    TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = float(os.environ["BENCH_NAMES"])
    TWILIO_2FA_SEND_COOLDOWN = 0
