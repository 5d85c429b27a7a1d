"""The messages and hints of `manage.py check`."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks

from django_twilio_2fa.conf import SETTINGS


def found() -> dict[str | None, Any]:
    return {m.id: m for m in run_checks(tags=["twilio_2fa"])}


def test_check_finds_nothing_in_the_demo_settings() -> None:
    assert [m for m in found().values() if not m.is_silenced()] == []


@pytest.mark.parametrize(
    ("id", "changed", "says"),
    [
        ("E001", {"TWILIO_2FA_ALOWED_METHODS": []}, "Did you mean TWILIO_2FA_ALLOWED_METHODS?"),
        ("E002", {"TWILIO_2FA_MAX_SENDS": "5"}, "Use int"),
        ("E002", {"TWILIO_2FA_SANDBOX": "yes"}, "Use bool"),
        ("E002", {"TWILIO_2FA_PHONE_NUMBER_CB": 5}, "a callable"),
        ("E003", {"TWILIO_2FA_TOKEN_LENGTH": 3}, "4 to 10"),
        ("E003", {"TWILIO_2FA_SEND_COOLDOWN": []}, "a non-empty list"),
        ("E003", {"TWILIO_2FA_TIMEOUT": (1, 2, 3)}, "a pair"),
        ("E003", {"TWILIO_2FA_PASSKEY_USER_VERIFICATION": "always"}, "required, preferred, discouraged"),
        ("E003", {"TWILIO_2FA_PASSKEY_ORIGINS": ["www.example.com"]}, "https://www.example.com"),
        ("E003", {"TWILIO_2FA_PASSKEY_ORIGINS": ["https://www.example.com/"]}, "a scheme, a host"),
        ("E003", {"TWILIO_2FA_SEND_COOLDOWN": -1}, "seconds, 0 or more"),
        ("E003", {"TWILIO_2FA_SEND_COOLDOWN": [30, -1]}, "seconds, 0 or more"),
        ("E003", {"TWILIO_2FA_TIMEOUT": 0}, "seconds, more than 0"),
        ("E003", {"TWILIO_2FA_TIMEOUT": (5, 0)}, "a pair"),
        ("E003", {"TWILIO_2FA_VERIFICATION_EXPIRATION": 0}, "minutes"),
        ("E003", {"TWILIO_2FA_VERIFICATION_EXPIRATION": timedelta(-1)}, "minutes"),
        ("E004", {"TWILIO_2FA_SANDBOX": False, "TWILIO_2FA_SERVICE_ID": "VA1"}, "TWILIO_2FA_ACCOUNT_SID"),
        (
            "E005",
            {"TWILIO_2FA_SANDBOX": False, "TWILIO_2FA_ACCOUNT_SID": "AC1", "TWILIO_2FA_AUTH_TOKEN": "x"},
            "TWILIO_2FA_SERVICE_ID",
        ),
        ("E006", {"TWILIO_2FA_SANDBOX_WITHOUT_DEBUG": False}, "TWILIO_2FA_SANDBOX_WITHOUT_DEBUG"),
        ("E008", {"TWILIO_2FA_ALLOWED_METHODS": ["smss"]}, "Did you mean sms?"),
        ("E010", {"TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES": ["USA"]}, "two letters"),
        ("E010", {"TWILIO_2FA_PHONE_NUMBER_DEFAULT_REGION": "xx"}, "two letters"),
        ("E011", {"TWILIO_2FA_PHONE_NUMBER_ALLOWED_CARRIER_TYPES": ["pager"]}, "mobile, landline, voip"),
        ("E012", {"TWILIO_2FA_LIMITS": {"sends_per_usr": "1/h"}}, "sends_per_user"),
        ("E012", {"TWILIO_2FA_LIMITS": {"sends_per_user": "many"}}, "10/h"),
        (
            "E013",
            {"TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS": True, "TWILIO_2FA_UNAUTHENTICATED_USER_FIELD": "uuid"},
            "auth.User",
        ),
        ("E015", {"TWILIO_2FA_API_CLASSES": {"authetication": []}}, "Did you mean authentication?"),
        ("E015", {"TWILIO_2FA_API_CLASSES": {"permission": "no.such.Class"}}, "dotted path"),
        ("E015", {"TWILIO_2FA_API_CLASSES": {"throttle": [5]}}, "dotted path"),
        ("E014", {"TWILIO_2FA_REGISTER_OPTIONAL_URL": "back"}, "name of a URL"),
        ("E014", {"TWILIO_2FA_VERIFY_SUCCESS_URL": "no:such"}, "name of a URL"),
        ("W004", {"TWILIO_2FA_USER_EMAIL_CB": len}, "works until"),
        (
            "W005",
            {"TWILIO_2FA_USER_EMAIL_CB": len, "TWILIO_2FA_EMAIL_CB": len},
            "Remove TWILIO_2FA_USER",
        ),
        ("W001", {"TWILIO_2FA_PROVIDERS": {"owl": "no.such.Owl"}}, "Fix or"),
    ],
)
def test_a_mistake_is_reported_with_a_hint(
    settings: Any, id: str, changed: dict[str, Any], says: str
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    with warnings.catch_warnings():
        # Reading a setting by its old name from 0.32 also raises a DeprecationWarning.
        warnings.simplefilter("ignore", DeprecationWarning)
        message = found()[f"twilio_2fa.{id}"]
    assert message.msg
    assert says in message.hint


@pytest.mark.parametrize("value", ["/here/", "https://owl.example/", "secret", "tests.conf.callbacks.raises"])
def test_a_url_setting_takes_a_path_a_url_name_or_a_callable(settings: Any, value: str) -> None:
    settings.TWILIO_2FA_VERIFY_SUCCESS_URL = value
    assert "twilio_2fa.E014" not in found()


@pytest.mark.parametrize(
    ("id", "app"),
    [
        ("E007", "django_twilio_2fa.sandbox"),
        ("W002", "formtools"),
        ("W002", "widget_tweaks"),
        ("W003", "twilio_2fa_sms"),
    ],
)
def test_a_missing_app_is_named(settings: Any, id: str, app: str) -> None:
    settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != app]
    message = found()[f"twilio_2fa.{id}"]
    assert app in message.msg + message.hint


def test_the_app_of_a_provider_in_the_settings_is_named(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"grumpy": "tests.conf.callbacks.Grumpy"}
    assert found()["twilio_2fa.W003"].hint == "Add 'tests.conf' to INSTALLED_APPS."


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere.twofactor.is_required", "No module named 'nowhere'"),
        ("django.utils.nothing.is_required", "No module named 'django.utils.nothing'"),
        ("django.utils.text.is_required", 'Module "django.utils.text" does not define a "is_required"'),
    ],
)
@pytest.mark.parametrize("name", ["REQUIRED_CB", "PHONE_NUMBER_CB", "ALLOW_CHANGE"])
def test_a_path_that_cannot_be_imported_is_named(settings: Any, name: str, path: str, why: str) -> None:
    setattr(settings, f"TWILIO_2FA_{name}", path)
    message = found()["twilio_2fa.E002"]
    assert path in message.msg
    assert why in message.msg


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("SERVICE_ID", "nowhere.pick", "E003"),
        ("REGISTRATION_SERVICE_ID", "nowhere.pick", "E003"),
        ("GRACE_ACTION", "nowhere.pick", "E003"),
        ("PHONE_NUMBER_DEFAULT_REGION", "nowhere.pick", "E010"),
        ("API_CLASSES", {"permission": "nowhere.pick"}, "E015"),
    ],
)
def test_the_hint_says_why_a_path_cannot_be_imported(
    settings: Any, name: str, value: object, id: str
) -> None:
    settings.TWILIO_2FA_SANDBOX = False
    setattr(settings, f"TWILIO_2FA_{name}", value)
    assert "No module named 'nowhere'. " in found()[f"twilio_2fa.{id}"].hint


def test_a_dotted_path_to_a_callable_is_accepted_as_sid(settings: Any) -> None:
    settings.TWILIO_2FA_SANDBOX = False
    settings.TWILIO_2FA_SERVICE_ID = settings.TWILIO_2FA_REGISTRATION_SERVICE_ID = (
        "tests.conf.callbacks.raises"
    )
    assert "twilio_2fa.E003" not in found()


def test_the_messages_of_check_show_no_secret(settings: Any) -> None:
    settings.TWILIO_2FA_AUTH_TOKEN = 123456
    assert "123456" not in str(found()["twilio_2fa.E002"])


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.arguments])
def test_a_callback_setting_takes_a_callable_or_a_dotted_path(settings: Any, name: str) -> None:
    for value in (lambda **kwargs: None, "tests.conf.callbacks.raises"):
        setattr(settings, f"TWILIO_2FA_{name}", value)
        assert "twilio_2fa.E002" not in found()


def test_check_reports_that_sends_have_no_limit_by_address(settings: Any) -> None:
    settings.TWILIO_2FA_SANDBOX = False
    assert "X-Forwarded-For" in found()["twilio_2fa.I001"].hint
    settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
    assert "twilio_2fa.I001" not in found()


def test_check_reports_that_no_method_is_installed(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = None
    settings.TWILIO_2FA_PROVIDERS = dict.fromkeys(
        ["sms", "call", "email", "whatsapp", "totp", "passkey", "push", "recovery", "link"]
    )
    assert "Reinstall" in found()["twilio_2fa.E009"].hint


def test_check_reports_missing_settings_in_an_empty_project() -> None:
    program = """
import django
from django.conf import settings
from django.core.management import call_command
from django_twilio_2fa import provider_apps
apps = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")]
settings.configure(
    SECRET_KEY="x",
    ROOT_URLCONF="django_twilio_2fa.urls",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[*apps, "django_twilio_2fa", *provider_apps(), "widget_tweaks", "formtools"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
)
django.setup()
import django_twilio_2fa.twilio.http, django_twilio_2fa.verifier, django_twilio_2fa.views
call_command("check")
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert [id for id in ("E004", "E005", "E006", "W003") if f"(twilio_2fa.{id})" in done.stderr] == [
        "E004",
        "E005",
    ]
