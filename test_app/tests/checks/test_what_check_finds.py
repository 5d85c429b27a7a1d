"""Mistakes in the installation. Each is made in a correct project, and `check` reports that mistake only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.core.checks import run_checks
from django.http import HttpRequest, HttpResponse
from django.urls import clear_url_caches, include, path
from django.views import View

from django_twilio_2fa import checks, provider_apps
from django_twilio_2fa.access import TwoFactorRequiredMixin, two_factor_required
from django_twilio_2fa.admin import TwoFactorAdminSite
from django_twilio_2fa.checks.access import OURS
from django_twilio_2fa.checks.project import AUTHENTICATION, MESSAGES, SESSIONS
from django_twilio_2fa.conf import RETIRED_NAMES
from django_twilio_2fa.providers.installed import get_registry
from django_twilio_2fa.views import TwoFactorLoginView, TwoFactorPasswordResetConfirmView

SANDBOX = "django_twilio_2fa.sandbox"
PAGES = path("2fa/", include("django_twilio_2fa.urls"))
LOGIN = path("accounts/login/", LoginView.as_view(), name="login")
HANDSET = path("sandbox/", include("django_twilio_2fa.sandbox.urls"))
MANIFEST = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}


@two_factor_required(max_age=60)
def account(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Account(TwoFactorRequiredMixin, View):
    pass


ACCOUNT = path("account/", account)
OUR_LOGIN = path("accounts/login/", TwoFactorLoginView.as_view(), name="login")


def reset(view: Any, **options: Any) -> Any:
    return path("reset/", view.as_view(**{"post_reset_login": True, **options}))


class Project:
    """A project of `startproject`, set up as in docs/installation.md. Its methods change the settings."""

    def __init__(self, settings: Any, monkeypatch: Any) -> None:
        self.settings = settings
        self.monkeypatch = monkeypatch
        for name in dir(django_settings):
            if name.startswith("TWILIO_2FA_"):
                delattr(settings, name)
        contrib = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
        own = ["django_twilio_2fa", *provider_apps(), "widget_tweaks", "formtools", SANDBOX]
        self.sets(
            DEBUG=True,
            INSTALLED_APPS=[*(f"django.contrib.{name}" for name in contrib), *own],
            MIDDLEWARE=[
                "django.middleware.security.SecurityMiddleware",
                SESSIONS,
                "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
                AUTHENTICATION,
                MESSAGES,
            ],
            TEMPLATES=[without_loaders(self.settings.TEMPLATES[0])],
            LOGIN_URL="/accounts/login/",
            TWILIO_2FA_SANDBOX=True,
        )
        self.includes(PAGES, ACCOUNT, LOGIN, HANDSET)

    def sets(self, **changed: Any) -> None:
        for name, value in changed.items():
            setattr(self.settings, name, value)

    def drops(self, setting: str, *values: str) -> None:
        setattr(self.settings, setting, [v for v in getattr(self.settings, setting) if v not in values])

    def includes(self, *patterns: Any) -> None:
        module: Any = types.ModuleType("urls_of_a_mistake")
        module.urlpatterns = list(patterns)
        self.monkeypatch.setitem(sys.modules, module.__name__, module)
        self.settings.ROOT_URLCONF = module.__name__
        clear_url_caches()

    def has_templates(self, **changed: Any) -> None:
        self.settings.TEMPLATES = [{**self.settings.TEMPLATES[0], **changed}]

    def goes_live(self, **changed: Any) -> None:
        twilio = {"ACCOUNT_SID": "AC1", "AUTH_TOKEN": "x", "SERVICE_ID": "VA1", "CLIENT_ADDRESS_CB": len}
        told = {f"TWILIO_2FA_{name}": value for name, value in {**twilio, **changed}.items()}
        self.sets(DEBUG=False, TWILIO_2FA_SANDBOX=False, **told)

    def lacks(self, package: str) -> None:
        self.monkeypatch.setitem(sys.modules, package, None)


@pytest.fixture
def project(settings: Any, monkeypatch: Any) -> Iterator[Project]:
    yield Project(settings, monkeypatch)
    clear_url_caches()


def without_loaders(engine: dict[str, Any]) -> dict[str, Any]:
    """Return the template engine of the demo with `APP_DIRS` in place of its loaders, as most sites have."""
    options = {name: value for name, value in engine["OPTIONS"].items() if name != "loaders"}
    return {**engine, "APP_DIRS": True, "OPTIONS": options}


def found() -> dict[str, Any]:
    return {str(m.id).partition(".")[2]: m for m in run_checks(tags=["twilio_2fa"])}


def without_app(name: str) -> Callable[[Project], None]:
    return lambda project: project.drops("INSTALLED_APPS", name)


def without_middleware(*names: str) -> Callable[[Project], None]:
    return lambda project: project.drops("MIDDLEWARE", *names)


def with_settings(**changed: Any) -> Callable[[Project], None]:
    told = {f"TWILIO_2FA_{name}": value for name, value in changed.items()}
    return lambda project: project.sets(**told)


def broken(**changed: Any) -> Callable[[Project], None]:
    return lambda project: project.goes_live(**changed)


Mistake = tuple[str, str, Callable[[Project], Any], str]
# The mistake, all ids that `check` reports, a function that makes the mistake, and a part of the first
# message or hint.
MISTAKES: list[Mistake] = [
    ("an invalid price", "E040", with_settings(PRICES={"sms": "free"}), "PRICES"),
    ("a budget without a sum", "E041", with_settings(BUDGETS={"all": {}}), "BUDGETS"),
    ("widget_tweaks forgotten", "W002", without_app("widget_tweaks"), "'widget_tweaks'"),
    ("formtools forgotten", "W002", without_app("formtools"), "'formtools'"),
    ("a provider's app forgotten", "W003", without_app("twilio_2fa_sms"), "provider_apps()"),
    ("the app of authenticators forgotten", "W003", without_app("twilio_2fa_totp"), "provider_apps()"),
    ("the app of recovery codes forgotten", "W003", without_app("twilio_2fa_recovery"), "provider_apps()"),
    ("the sandbox's app forgotten", "E007", without_app(SANDBOX), SANDBOX),
    ("sessions forgotten", "E018", without_app("django.contrib.sessions"), "django.contrib.sessions"),
    ("staticfiles forgotten", "W010", without_app("django.contrib.staticfiles"), "staticfiles"),
    ("no session middleware", "E018", without_middleware(SESSIONS), "SessionMiddleware"),
    (
        "no authentication middleware",
        "E019",
        without_middleware(AUTHENTICATION),
        "AuthenticationMiddleware",
    ),
    ("no message middleware", "W009", without_middleware(MESSAGES), "MessageMiddleware"),
    ("no middleware", "E018 E019 W009", lambda p: p.sets(MIDDLEWARE=[]), "SessionMiddleware"),
    (
        "middleware in the wrong order",
        "E019",
        lambda p: p.sets(MIDDLEWARE=p.settings.MIDDLEWARE[::-1]),
        "after 'django.contrib.sessions",
    ),
    ("no context processors", "W009", lambda p: p.has_templates(OPTIONS={}), "context_processors"),
    ("no APP_DIRS", "E020", lambda p: p.has_templates(APP_DIRS=False), "'APP_DIRS': True"),
    ("no template engine", "E020 W009", lambda p: p.sets(TEMPLATES=[]), "DjangoTemplates"),
    ("the URLs forgotten", "E016", lambda p: p.includes(ACCOUNT, LOGIN, HANDSET), 'path("2fa/", include('),
    (
        "the URLs forgotten, with a guarded class",
        "E016",
        lambda p: p.includes(path("", Account.as_view()), LOGIN, HANDSET),
        'path("2fa/", include(',
    ),
    (
        "the URLs forgotten, with an admin site",
        "E016",
        lambda p: p.includes(path("admin/", TwoFactorAdminSite("own").urls), LOGIN, HANDSET),
        'path("2fa/", include(',
    ),
    (
        "the URLs forgotten, and nothing guarded yet",
        "W008",
        lambda p: p.includes(LOGIN, HANDSET),
        'path("2fa/", include(',
    ),
    (
        "the pages below a parameter",
        "E022",
        lambda p: p.includes(path("<slug:shop>/", include(([PAGES], "shop"))), ACCOUNT, LOGIN, HANDSET),
        "without parameters",
    ),
    ("the sandbox's URLs forgotten", "W016", lambda p: p.includes(PAGES, LOGIN), 'path("sandbox/"'),
    ("no sign-in page", "W017", lambda p: p.includes(PAGES, HANDSET), "django.contrib.auth.urls"),
    ("LOGIN_URL misspelt", "E017", lambda p: p.sets(LOGIN_URL="logn"), "LOGIN_URL"),
    ("LOGIN_URL beside the page", "W017", lambda p: p.sets(LOGIN_URL="/login/"), "LOGIN_URL"),
    ("no STATIC_URL", "E021", lambda p: p.sets(STATIC_URL=None), "STATIC_URL"),
    (
        "no finder of the apps' static files",
        "W010",
        lambda p: p.sets(STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"]),
        "AppDirectoriesFinder",
    ),
    (
        "static files not collected",
        "W010",
        lambda p: (p.goes_live(), p.sets(STORAGES={**p.settings.STORAGES, **MANIFEST})),
        "collectstatic",
    ),
    ("a setting misspelt", "E001", with_settings(MAX_SEND=3), "TWILIO_2FA_MAX_SENDS"),
    ("the wrong type", "E002", with_settings(MAX_SENDS="5"), "int"),
    ("a callback misspelt", "E002", with_settings(PHONE_NUMBER_CB="no.such.thing"), "callable"),
    ("a list of providers", "E002", with_settings(PROVIDERS=["x"]), "dict"),
    ("a list of limits", "E002", with_settings(LIMITS=["x"]), "dict"),
    ("one method as a text", "E002", with_settings(ALLOWED_METHODS="sms"), "list"),
    ("a value that is not possible", "E003", with_settings(MAX_SENDS=50), "1 to 5"),
    ("an invalid stylesheet", "E003", with_settings(STYLESHEETS=[5]), "href"),
    ("details that are not a dict", "E003", with_settings(METHOD_DETAILS={"sms": "Text"}), "label"),
    ("the SIDs exchanged", "E003", broken(ACCOUNT_SID="VA1"), "AC"),
    ("no credentials", "E004", broken(AUTH_TOKEN=None), "TWILIO_2FA_AUTH_TOKEN"),
    ("no service", "E005", broken(SERVICE_ID=None), "TWILIO_2FA_SERVICE_ID"),
    ("the sandbox in production", "E006", lambda p: p.sets(DEBUG=False), "SANDBOX_WITHOUT_DEBUG"),
    ("a method misspelt", "E008", with_settings(ALLOWED_METHODS=["sms", "cal"]), "call"),
    (
        "every method removed",
        "E009",
        lambda p: p.sets(TWILIO_2FA_PROVIDERS=dict.fromkeys(get_registry().providers)),
        "Reinstall",
    ),
    ("a country misspelt", "E010", with_settings(PHONE_NUMBER_ALLOWED_COUNTRIES=["USA"]), "two letters"),
    ("a line type misspelt", "E011", with_settings(PHONE_NUMBER_ALLOWED_CARRIER_TYPES=["cell"]), "mobile"),
    ("a limit misspelt", "E012", with_settings(LIMITS={"sends_per_usr": "1/h"}), "sends_per_user"),
    (
        "a field that users lack",
        "E013",
        with_settings(ALLOW_UNAUTHENTICATED_USERS=True, UNAUTHENTICATED_USER_FIELD="uuid"),
        "auth.User",
    ),
    ("a URL name that does not exist", "E014", with_settings(VERIFY_SUCCESS_URL="nowhere"), "URL"),
    ("a class misspelt", "E015", with_settings(API_CLASSES={"permission": "no.such.Class"}), "dotted"),
    ("a provider that cannot be loaded", "W001", with_settings(PROVIDERS={"owl": "no.such.Owl"}), "Fix or"),
    ("a setting by its old name", "W004", with_settings(ALLOW_REGISTER=True), "old name works"),
    ("both names of a setting", "W005", with_settings(ALLOW_REGISTER=1, ALLOW_REGISTRATION=True), "Remove"),
    ("a retired setting", "W007", with_settings(REGISTER_CB=len), "twilio_2fa_set_user_data"),
    (
        "authenticators without their package",
        "W011",
        lambda p: (p.lacks("segno"), p.sets(TWILIO_2FA_ALLOWED_METHODS=["sms", "totp"])),
        "Install",
    ),
    ("the extra of authenticators left out", "I002", lambda p: p.lacks("segno"), "Install"),
    (
        "users without an e-mail address",
        "W013",
        lambda p: p.monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "mail"),
        "EMAIL_FIELD",
    ),
    ("details of an unknown method", "W014", with_settings(METHOD_DETAILS={"smss": {"label": "x"}}), "sms"),
    ("an unknown error code", "W014", with_settings(ERROR_DISPLAY={"user_not_alowed": "x"}), "allowed"),
    ("recovery codes alone", "W015", with_settings(ALLOWED_METHODS=["recovery"]), "registered first"),
    ("no method allowed", "W015", with_settings(ALLOWED_METHODS=[]), "None for all"),
    (
        "our middleware before Django's",
        "E023",
        lambda p: p.sets(MIDDLEWARE=[OURS, *p.settings.MIDDLEWARE], TWILIO_2FA_REQUIRED_CB=True),
        "AuthenticationMiddleware",
    ),
    (
        "a requirement, and the URLs forgotten",
        "E016",
        lambda p: (
            p.includes(LOGIN, HANDSET),
            p.sets(MIDDLEWARE=[*p.settings.MIDDLEWARE, OURS], TWILIO_2FA_REQUIRED_CB=True),
        ),
        'path("2fa/", include(',
    ),
    ("a requirement without the middleware", "W019", with_settings(REQUIRED_CB=True), "MIDDLEWARE"),
    (
        "our log-in page, and nothing that requires verification",
        "W020",
        lambda p: p.includes(PAGES, LOGIN, HANDSET, path("in/", TwoFactorLoginView.as_view())),
        "REQUIRED_CB",
    ),
    (
        "our log-in page, and one of Django's beside it",
        "W021",
        lambda p: p.includes(PAGES, LOGIN, ACCOUNT, HANDSET, path("in/", TwoFactorLoginView.as_view())),
        "django.contrib.auth.views.LoginView",
    ),
    (
        "our log-in page, and Django's password reset that signs in",
        "W021",
        lambda p: p.includes(PAGES, ACCOUNT, HANDSET, OUR_LOGIN, reset(PasswordResetConfirmView)),
        "TwoFactorPasswordResetConfirmView",
    ),
    (
        "our log-in page, and the admin's",
        "W021",
        lambda p: p.includes(PAGES, ACCOUNT, HANDSET, OUR_LOGIN, path("admin/", AdminSite("back").urls)),
        "back:login",
    ),
    (
        "the middleware without a requirement",
        "I003",
        lambda p: p.sets(MIDDLEWARE=[*p.settings.MIDDLEWARE, OURS]),
        "to False if",
    ),
    ("no limit by address in production", "I001", broken(CLIENT_ADDRESS_CB=None), "X-Forwarded-For"),
]


def test_check_finds_nothing_in_a_correct_project(project: Project) -> None:
    assert found() == {}
    project.goes_live()
    assert found() == {}


@pytest.mark.parametrize("mistake", MISTAKES, ids=[what for what, *_ in MISTAKES])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("sessions_in_database")  # Django's default
def test_each_mistake_in_a_project_is_reported_with_a_hint(project: Project, mistake: Mistake) -> None:
    _what, ids, make, hint = mistake
    make(project)
    told = found()
    assert sorted(told) == ids.split(), told
    message = told[ids.split()[0]]
    assert hint in f"{message.msg} {message.hint}"
    assert message.hint


@pytest.mark.parametrize("name", RETIRED_NAMES)
def test_a_retired_setting_is_a_warning(project: Project, name: str) -> None:
    with_settings(**{name: None})(project)
    assert sorted(found()) == ["W007"]


def test_views_that_verify_are_not_reported_as_other_log_ins(project: Project) -> None:
    site = path("admin/", TwoFactorAdminSite("back").urls)
    ours = reset(TwoFactorPasswordResetConfirmView)
    project.includes(PAGES, HANDSET, OUR_LOGIN, ours, site)
    assert found() == {}
    project.includes(PAGES, HANDSET, OUR_LOGIN, site, reset(PasswordResetConfirmView, post_reset_login=False))
    assert found() == {}
    project.includes(PAGES, HANDSET, OUR_LOGIN, LOGIN)
    project.sets(MIDDLEWARE=[*project.settings.MIDDLEWARE, OURS], TWILIO_2FA_REQUIRED_CB=True)
    assert found() == {}


def test_several_mistakes_are_all_reported(project: Project) -> None:
    with_settings(MAX_SEND=3, LIMITS=["x"])(project)
    without_app("widget_tweaks")(project)
    assert sorted(found()) == ["E001", "E002", "W002"]


def test_a_path_that_django_redirects_is_a_sign_in_page(project: Project) -> None:
    for url in ("/accounts/login", "login", "https://id.example/", "/accounts/login/?realm=shop"):
        project.sets(LOGIN_URL=url)
        assert found() == {}


def test_pages_in_another_namespace_are_found(project: Project) -> None:
    inner = include(([PAGES, HANDSET], "shop"))
    project.includes(path("shop/", inner), ACCOUNT, LOGIN)
    assert found() == {}


def test_a_project_with_the_api_only_needs_no_pages(project: Project) -> None:
    project.includes(path("api/", include("django_twilio_2fa.api.urls")), HANDSET)
    project.sets(MIDDLEWARE=[], TEMPLATES=[], LOGIN_URL="nowhere", STATIC_URL=None)
    assert found() == {}


@pytest.mark.parametrize("urlconf", ["no_such_urls", "tests.clock"])
def test_a_broken_urlconf_is_not_reported_by_these_checks(project: Project, urlconf: str) -> None:
    project.sets(ROOT_URLCONF=urlconf, TWILIO_2FA_VERIFY_SUCCESS_URL="anywhere")
    assert found() == {}


def test_a_check_that_fails_is_reported_with_other_mistakes(project: Project) -> None:
    project.sets(MIDDLEWARE=5, TWILIO_2FA_MAX_SENDS=50)
    told = found()
    assert sorted(told) == ["E003", "W018"]
    assert "'middleware'" in told["W018"].msg or "'messages'" in told["W018"].msg


def test_the_declared_ids_are_those_in_the_code() -> None:
    code = "".join(path.read_text() for path in Path(str(checks.__file__)).parent.glob("*.py"))
    assert set(re.findall(r'id="twilio_2fa\.(\w+)"', code)) == set(checks.FOUND)


def test_every_id_is_tested() -> None:
    tried = {id for _what, ids, *_ in MISTAKES for id in ids.split()}
    # Tested in other functions and files.
    elsewhere = {"W006", "W012", "W018", "E040", "E041"}
    assert tried | elsewhere == set(checks.FOUND)


UNMIGRATED = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client
for app in ("auth", "sessions"):
    call_command("migrate", app, verbosity=0)
client = Client()
user = get_user_model().objects.create_user("sam")
client.force_login(user)
session = client.session
session["twilio_2fa"] = {"flow": "x", "user": str(user.pk)}
session.save()
for address in ("/2fa/start/", "/2fa/devices/", "/secret/", "/sandbox/", "/sandbox/messages.json"):
    try:
        client.get(address)
    except ImproperlyConfigured as e:
        print(address, str(e).rpartition("Run: ")[2])
"""


def test_every_page_reports_missing_migrations() -> None:
    folder = Path(__file__).resolve().parents[1] / "packaging" / "project"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DJANGO_SETTINGS_MODULE": "settings"}
    command = [sys.executable, "-c", UNMIGRATED]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    pages = ("/2fa/start/", "/2fa/devices/", "/secret/", "/sandbox/", "/sandbox/messages.json")
    assert done.stdout.splitlines() == [f"{page} python manage.py migrate" for page in pages], done.stderr


def test_check_with_a_database_reports_missing_migrations() -> None:
    folder = Path(__file__).resolve().parents[1] / "packaging" / "project"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DJANGO_SETTINGS_MODULE": "settings"}
    command = [sys.executable, "-m", "django", "check"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    assert done.returncode == 0
    assert "twilio_2fa.W012" not in done.stderr
    command += ["--database", "default"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    assert done.returncode == 0
    assert "(twilio_2fa.W012)" in done.stderr
    assert "twilio_2fa.0001_initial" in done.stderr
    assert "python manage.py migrate" in done.stderr
