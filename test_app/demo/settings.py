"""Settings of the demo, with the sandbox unless `.env` at the root of the repository has credentials."""

import os
from datetime import date, timedelta
from pathlib import Path

import django
import environ

from django_twilio_2fa import provider_apps

HERE = Path(__file__).resolve().parent
TEST_APP = HERE.parent
ROOT = TEST_APP.parent

env = environ.Env()
env_file = Path(os.environ.get("DEMO_ENV_FILE", ROOT / ".env"))
if env_file.is_file():
    env.read_env(env_file)

DEBUG = True
SECRET_KEY = env.str("SECRET_KEY", default="no secret: this key signs the sessions of a demo on one machine")
ALLOWED_HOSTS = ["localhost", ".localtest.me", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "demo",
    "demo.link",
    "django_twilio_2fa",
    "django_twilio_2fa.sandbox",
    *provider_apps(),
    "widget_tweaks",
    "formtools",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "bootstrap",
    "fontawesomefree",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demo.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "demo.dresses.DressMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_twilio_2fa.middleware.TwoFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "demo.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            # A site needs no loaders, but only `"APP_DIRS": True`, and its own templates in `DIRS`.
            "loaders": [
                (
                    "demo.dresses.CachedLoader",
                    ["demo.dresses.DressLoader", "django.template.loaders.app_directories.Loader"],
                ),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "demo.dresses.shown",
            ],
        },
    },
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{TEST_APP / 'demo.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "demo.runner.PytestRunner"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = sorted(HERE.glob("dresses/*/static"))
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# E-mails stay in the process, and /mail/ shows them.
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": EMAIL_BACKEND}}
    del EMAIL_BACKEND

TWILIO_2FA_ACCOUNT_SID = env.str("TWILIO_2FA_ACCOUNT_SID", default="") or None
TWILIO_2FA_AUTH_TOKEN = env.str("TWILIO_2FA_AUTH_TOKEN", default="") or None
TWILIO_2FA_API_KEY_SID = env.str("TWILIO_2FA_API_KEY_SID", default="") or None
TWILIO_2FA_API_KEY_SECRET = env.str("TWILIO_2FA_API_KEY_SECRET", default="") or None
TWILIO_2FA_SERVICE_ID = env.str("TWILIO_2FA_SERVICE_ID", default="") or None
TWILIO_2FA_SANDBOX = not (TWILIO_2FA_ACCOUNT_SID and TWILIO_2FA_SERVICE_ID)

TWILIO_2FA_PROVIDERS = {"link": "demo.link.provider.LinkProvider"}
METHODS = ["sms", "call", "whatsapp", "email", "link", "totp", "passkey", "push", "recovery"]
# "link" is the demo's own method. It is not translated.
TWILIO_2FA_ALLOWED_METHODS = env.list("DEMO_METHODS", default=METHODS)
TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "CA", "GB", "DE", "FR"]
# In addition to a log-in page that verifies, the demo has Django's log-in page.
SILENCED_SYSTEM_CHECKS = ["twilio_2fa.W021"]
# False: only some views of the demo require verification. True: every page requires it.
TWILIO_2FA_REQUIRED_CB = env.bool("DEMO_REQUIRED", default=False)
# Until this date, users without a device are only reminded.
TWILIO_2FA_GRACE_UNTIL = (
    date.fromisoformat(env("DEMO_GRACE_UNTIL")) if env("DEMO_GRACE_UNTIL", default="") else None
)
TWILIO_2FA_STYLESHEETS = ["bootstrap/css/bootstrap.min.css", "fontawesomefree/css/all.min.css"]

# On the log-in page of `TwoFactorLoginView`: /login/verified/.
TWILIO_2FA_PASSWORDLESS_LOGIN = True
TWILIO_2FA_TRUSTED_BROWSER_AGE: timedelta | None = timedelta(days=30)
TWILIO_2FA_REQUIRED_IN_ADMIN = True
# The challenge before a code is sent to a new number, if the breaker has doubts.
TWILIO_2FA_CHALLENGE: str | None = "demo.challenge.Sum"

# The audit log, with changes of the devices of users, goes to the console.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"audit": {"class": "logging.StreamHandler"}},
    "loggers": {"django_twilio_2fa.audit": {"handlers": ["audit"], "level": "INFO"}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "django-twilio-2fa",
    "DESCRIPTION": "Two-factor verification over JSON.",
    "VERSION": "1.0",
    "OAS_VERSION": "3.1.1",
    # Served by the demo, because the content security policy allows no other source.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    # The API accepts forms as well, but forms have no types to describe.
    "PARSER_WHITELIST": ["rest_framework.parsers.JSONParser"],
}
