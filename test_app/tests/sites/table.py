"""The settings of each site, on top of the suite's. Only data, because it is read before `django.setup()`."""

from __future__ import annotations

from typing import Any

from demo import settings_test as base

SESSIONS = "django.contrib.sessions.backends."
CONTEXT = "django.template.context_processors."
ADMIN = "django.contrib.admin"
MESSAGES = "django.contrib.messages"


def without(entries: list[str], *left_out: str) -> list[str]:
    return [entry for entry in entries if not entry.startswith(left_out)]


def templates(*processors: str) -> list[dict[str, Any]]:
    django = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    return [{**django, "OPTIONS": {"context_processors": list(processors)}}]


COMMON: dict[str, Any] = {
    "ROOT_URLCONF": "tests.sites.urls",
    "TWILIO_2FA_ALLOWED_METHODS": ["sms", "call"],
}

# Settings that can be changed while the process runs.
IN_PLACE: dict[str, dict[str, Any]] = {
    **{
        f"sessions in {engine}": {"SESSION_ENGINE": SESSIONS + engine}
        for engine in ("db", "cache", "cached_db", "signed_cookies", "file")
    },
    "in other namespaces": {"ROOT_URLCONF": "tests.sites.urls_nested"},
    "i18n_patterns": {"ROOT_URLCONF": "tests.sites.urls_i18n"},
    "USE_THOUSAND_SEPARATOR": {"USE_THOUSAND_SEPARATOR": True, "LANGUAGE_CODE": "de"},
    "no USE_TZ": {"USE_TZ": False, "TIME_ZONE": "America/New_York"},
    "no messages": {
        "INSTALLED_APPS": without(base.INSTALLED_APPS, MESSAGES, ADMIN),
        "MIDDLEWARE": without(base.MIDDLEWARE, MESSAGES),
        "TEMPLATES": templates(CONTEXT + "request", "django.contrib.auth.context_processors.auth"),
        # The check warns of this, but this site does it on purpose.
        "SILENCED_SYSTEM_CHECKS": ["twilio_2fa.W009"],
    },
    "no context processors": {
        "INSTALLED_APPS": without(base.INSTALLED_APPS, ADMIN),
        "TEMPLATES": templates(),
        "SILENCED_SYSTEM_CHECKS": ["twilio_2fa.W009"],
    },
    "Jinja2 first": {
        "TEMPLATES": [
            {"BACKEND": "django.template.backends.jinja2.Jinja2", "APP_DIRS": True},
            *base.TEMPLATES,
        ]
    },
    "several AUTHENTICATION_BACKENDS": {
        "AUTHENTICATION_BACKENDS": [
            "django.contrib.auth.backends.RemoteUserBackend",
            "django.contrib.auth.backends.ModelBackend",
            "django.contrib.auth.backends.AllowAllUsersModelBackend",
        ]
    },
    "LoginRequiredMiddleware": {
        "MIDDLEWARE": [*base.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    },
    "CSRF in the session": {"CSRF_USE_SESSIONS": True},
}

# Settings of a site that collects the static files of this package, without those of the demo.
FILES: dict[str, Any] = {
    "INSTALLED_APPS": without(
        base.INSTALLED_APPS,
        ADMIN,
        "demo",
        "bootstrap",
        "fontawesomefree",
        "rest_framework",
        "drf_spectacular",
    ),
    "TWILIO_2FA_STYLESHEETS": [],
    "TWILIO_2FA_PROVIDERS": {},
    "STORAGES": {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    },
}

HTTPS: dict[str, Any] = {
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Strict",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_COOKIE_HTTPONLY": True,
}

# Settings that the process needs when it starts. Each site is served and walked over HTTP.
AT_START: dict[str, dict[str, Any]] = {
    "UUID users": {
        "AUTH_USER_MODEL": "people.Person",
        "INSTALLED_APPS": [*base.INSTALLED_APPS, "tests.sites.people.apps.PeopleConfig"],
    },
    "AutoField": {"DEFAULT_AUTO_FIELD": "django.db.models.AutoField"},
    "ATOMIC_REQUESTS and CONN_MAX_AGE": {
        "DATABASE": {"ATOMIC_REQUESTS": True, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    },
    "FORCE_SCRIPT_NAME": {"FORCE_SCRIPT_NAME": "/app"},
    "uvicorn": {},
}
