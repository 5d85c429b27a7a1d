"""Settings of a project for version 0.32. Do not update them: they must keep working as they are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent

SECRET_KEY = "of a project of some years ago"
DEBUG = True
ALLOWED_HOSTS = ["testserver"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "widget_tweaks",
    "django_twilio_2fa.apps.Twilio2faConfig",
    "customers.apps.CustomersConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "shop.middleware.VerifiedOnlyMiddleware",
]

ROOT_URLCONF = "shop.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", ":memory:"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"

TWILIO_2FA_ACCOUNT_SID = "AC" + "1" * 32
TWILIO_2FA_AUTH_TOKEN = "a token"
TWILIO_2FA_SERVICE_ID = "VA" + "2" * 32


def phone_number_of(user=None):
    from django_twilio_2fa.options import PhoneNumber

    value = getattr(getattr(user, "profile", None), "phone_number", None)
    return PhoneNumber(value) if value else None


def email_of(user=None):
    from django_twilio_2fa.options import Email

    return Email(user.email) if user and user.email else None


def kept_out_until(user=None):
    return None


TWILIO_2FA_USER_PHONE_NUMBER_CB = phone_number_of
TWILIO_2FA_USER_EMAIL_CB = email_of
TWILIO_2FA_ALLOWED_METHODS = None
TWILIO_2FA_ALLOW_CHANGE = False
TWILIO_2FA_MAX_ATTEMPTS = 3

# Left over from before 0.32. Version 0.32 reads none of these settings.
TWILIO_2FA_REGISTER_CB = phone_number_of
TWILIO_2FA_TIMEOUT_CB = kept_out_until
TWILIO_2FA_ALLOW_UNVERIFIED_SMS = True
TWILIO_2FA_ALLOW_USER_ERROR_MESSAGE = "You cannot be verified at the moment."
