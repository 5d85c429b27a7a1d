"""Settings of the demo for the tests: always the sandbox, and nothing from a `.env` file."""

import os

os.environ["DEMO_ENV_FILE"] = os.devnull

from .settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "demo.pigeon"]  # noqa: F405
DEBUG = False
LOGGING = {}
TWILIO_2FA_ACCOUNT_SID = None
TWILIO_2FA_AUTH_TOKEN = None
TWILIO_2FA_API_KEY_SID = None
TWILIO_2FA_API_KEY_SECRET = None
TWILIO_2FA_SERVICE_ID = None
TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "whatsapp", "email"]
TWILIO_2FA_TRUSTED_BROWSER_AGE = None
TWILIO_2FA_CHALLENGE = None
TWILIO_2FA_PASSWORDLESS_LOGIN = False
TWILIO_2FA_REQUIRED_IN_ADMIN = False
TWILIO_2FA_SANDBOX = True
TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = True

# The only driver for MariaDB that pip installs without a compiler and headers.
if DATABASES["default"]["ENGINE"].endswith(".mysql"):  # noqa: F405
    import pymysql

    pymysql.install_as_MySQLdb()
    # With TLS, PyMySQL reads the system's certificates for each connection. That took half of the CPU time.
    DATABASES["default"].setdefault("OPTIONS", {})["ssl_disabled"] = True  # noqa: F405

# As on sites begun before Django 5.0. In this zone, a mix-up of local time and UTC makes tests fail.
if os.environ.get("TWILIO_2FA_TEST_USE_TZ") == "0":
    USE_TZ = False
    TIME_ZONE = "Asia/Kathmandu"

# Sessions in memory save a tenth of the time. With a database server, they are rows, as on most sites.
if DATABASES["default"]["ENGINE"].endswith(".sqlite3"):  # noqa: F405
    SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    SESSION_CACHE_ALIAS = "sessions"
    MEMORY = "django.core.cache.backends.locmem.LocMemCache"
    CACHES = {
        "default": {"BACKEND": MEMORY},
        "sessions": {"BACKEND": MEMORY, "LOCATION": "sessions", "OPTIONS": {"MAX_ENTRIES": 100_000}},
    }

# A hasher that is slow, as it should be, would take most of the time of the tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Only the tests of this setting change it, so that the others do not wait.
TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = 0.0
