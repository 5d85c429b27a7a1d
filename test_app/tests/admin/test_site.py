"""An admin site that requires verification."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import include, path

from django_twilio_2fa.admin import TwoFactorAdminSite
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.testing import register_device

from ..conf.shows import shows
from ..people import PHONE, Person

USERS = "/staff/auth/user/"
SIGN_IN = "/staff/login/"


def make_staff(name: str, *, device: Any = "") -> Person:
    user = get_user_model().objects.create_superuser(name, password=name)
    if device:
        register_device(user, device)
    return Person(name)


@pytest.fixture(autouse=True)
def own_site(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.admin.sites"


@pytest.fixture
def boss(db: None) -> Person:
    """Return a staff user with a phone."""
    return make_staff("boss", device=PHONE)


@pytest.fixture
def new(db: None) -> Person:
    """Return a staff user without a device."""
    return make_staff("new")


def test_staff_verify_and_come_back_to_the_page(boss: Person) -> None:
    boss.opens(USERS + "?q=boss")
    assert boss.is_at("start")
    boss.picks("sms").types_the_code()
    assert (boss.path, boss.page.request["QUERY_STRING"]) == (USERS, "q=boss")
    assert boss.page.status_code == 200
    assert "Of another package" in boss.text


def test_the_admin_logs_nobody_in_without_a_password(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey"]
    settings.TWILIO_2FA_PASSWORDLESS_LOGIN = True
    client = Client()
    assert client.post("/login/verified/", {"passwordless": "begin"}).json()["ceremony"]
    page = client.post(SIGN_IN, {"passwordless": "begin"})
    assert page["Content-Type"].startswith("text/html")
    assert "webauthn" not in page.content.decode()


def test_staff_without_a_device_register_and_come_back(new: Person) -> None:
    new.opens(USERS)
    assert new.is_at("start")
    new.picks("sms").registers().types_the_code()
    if new.path != USERS:  # recovery codes are offered first
        new.opens(USERS)
    assert (new.path, new.page.status_code) == (USERS, 200)


@pytest.mark.parametrize("address", ["/staff/", USERS, SIGN_IN, f"{SIGN_IN}?next={USERS}", "/staff/none/"])
def test_no_url_of_the_admin_redirects_endlessly(boss: Person, new: Person, address: str) -> None:
    for person in (boss, new):
        # Django's client raises RedirectCycleError.
        person.opens(address)
        assert person.is_at("start")
        assert len(person.page.redirect_chain) <= 3


def test_staff_with_one_phone_are_led_straight_to_the_code(boss: Person) -> None:
    boss.navigates(USERS)
    assert boss.is_at("verify")
    assert "/2fa/start/" not in str(boss.page.redirect_chain)
    assert boss.types_the_code().path == USERS


def test_an_anonymous_visitor_gets_the_form_and_then_verifies(boss: Person) -> None:
    boss.client.logout()
    boss.opens(USERS)
    assert boss.path == SIGN_IN
    boss.posts(username="boss", password="boss")
    assert boss.is_at("start")
    assert "_auth_user_id" not in boss.client.session
    boss.picks("sms").types_the_code()
    assert (boss.path, boss.page.status_code) == (USERS, 200)


def test_the_log_in_form_does_not_admit_unverified_staff(boss: Person) -> None:
    boss.posts(f"{SIGN_IN}?next={USERS}", username="boss", password="boss", next=USERS)
    assert boss.is_at("start")
    assert boss.opens(USERS).is_at("start")
    assert not boss.is_verified


def test_unverified_staff_cannot_sign_in_as_other_staff(boss: Person, new: Person) -> None:
    boss.posts(SIGN_IN, username="new", password="new", next=USERS)
    assert boss.is_at("start")
    assert boss.client.session["_auth_user_id"] == str(boss.user.pk)


def test_signing_in_as_other_staff_does_not_keep_verification(boss: Person, new: Person) -> None:
    boss.opens(USERS).picks("sms").types_the_code()
    other = {"username": "new", "password": "new", "next": USERS}
    assert boss.posts(SIGN_IN, **other).is_at("start")
    assert boss.opens(USERS).is_at("start")


def test_a_wrong_password_is_answered_by_the_form(boss: Person) -> None:
    boss.client.logout()
    boss.posts(f"{SIGN_IN}?next={USERS}", username="boss", password="wrong", next=USERS)
    assert (boss.path, boss.page.status_code) == (SIGN_IN, 200)
    assert "Please enter the correct username and password" in boss.text
    assert "Of another package" in boss.text


def test_staff_who_need_no_verification_are_signed_in_at_once(db: None) -> None:
    user = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    register_device(user, PHONE)
    clerk = Person("clerk")
    clerk.client.logout()
    clerk.posts("/lenient/login/", username="clerk", password="clerk", next="/lenient/")
    assert (clerk.path, clerk.page.status_code) == ("/lenient/", 200)


def test_users_who_are_not_staff_get_djangos_error_message(sam: Person) -> None:
    sam.opens(USERS)
    assert sam.path == SIGN_IN
    assert "not authorized to access this page" in sam.text


def test_a_verified_user_who_is_not_staff_is_refused(sam: Person) -> None:
    sam.opens("start").picks("sms").types_the_code()
    assert sam.opens(USERS).path == SIGN_IN


def test_staff_who_may_not_verify_are_refused_without_a_loop(boss: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = lambda user: user.username != "boss"
    settings.TWILIO_2FA_DISALLOWED_REDIRECT_URL = "/staff/"
    assert boss.opens(USERS).path == SIGN_IN
    assert boss.page.status_code == 200
    assert boss.posts(SIGN_IN, username="boss", password="boss", next=USERS).path == SIGN_IN


def test_unverified_staff_can_sign_out_of_the_admin(boss: Person) -> None:
    boss.client.post("/staff/logout/")
    assert "_auth_user_id" not in boss.client.session


def test_unverified_staff_cannot_change_their_password(boss: Person) -> None:
    new = {"old_password": "boss", "new_password1": "aX9!kqpz", "new_password2": "aX9!kqpz"}
    assert boss.posts("/staff/password_change/", **new).is_at("start")
    boss.user.refresh_from_db()
    assert boss.user.check_password("boss")


def test_skipping_registration_does_not_open_the_admin(new: Person, settings: Any) -> None:
    settings.TWILIO_2FA_REGISTER_OPTIONAL = True
    settings.TWILIO_2FA_REGISTER_OPTIONAL_URL = "/"
    new.opens(USERS).posts(action="skip")
    assert new.opens(USERS).is_at("start")


def test_staff_who_must_have_a_phone_register_one_first(db: None, settings: Any) -> None:
    settings.TWILIO_2FA_USER_MUST_HAVE_PHONE = True
    ann = make_staff("ann", device=EmailAddress("ann@example.com"))
    ann.opens(USERS).picks("email").types_the_code("ann@example.com")
    assert ann.path == "/2fa/add/start/"
    assert ann.opens(USERS).path != USERS


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\e"])
def test_next_after_the_admin_log_in_stays_on_this_site(boss: Person, then: str) -> None:
    answer = boss.client.get(SIGN_IN, {"next": then})
    assert answer["Location"] == "/2fa/start/?next=%2Fstaff%2F"


def test_a_subclass_can_exempt_users(db: None) -> None:
    get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    assert Person("clerk").opens("/lenient/").page.status_code == 200
    assert make_staff("chief").opens("/lenient/").is_at("start")


@pytest.mark.skipif(django.VERSION < (5, 1), reason="Django has the middleware from 5.1 on")
def test_the_log_in_page_opens_beside_login_required_middleware(boss: Person, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    page = Client().get("/staff/", follow=True)
    assert (page.request["PATH_INFO"], page.status_code) == (SIGN_IN, 200)


# The default site


@pytest.fixture
def default_site(settings: Any) -> Iterator[None]:
    """Install the default site as a project with `REQUIRED_IN_ADMIN` does at startup."""
    before = type(admin.site._wrapped)
    settings.TWILIO_2FA_REQUIRED_IN_ADMIN = True
    apps.get_app_config("twilio_2fa").ready()
    urls = types.ModuleType("urls_of_the_default_site")
    urls.urlpatterns = [path("admin/", admin.site.urls), path("2fa/", include("django_twilio_2fa.urls"))]
    sys.modules[urls.__name__] = urls
    settings.ROOT_URLCONF = urls.__name__
    yield
    admin.site._wrapped.__class__ = before


@shows("REQUIRED_IN_ADMIN")
class TestDefaultSite:
    def test_the_default_site_requires_verification(self, boss: Person, default_site: None) -> None:
        assert boss.opens("/admin/auth/user/").is_at("start")
        boss.picks("sms").types_the_code()
        assert (boss.path, boss.page.status_code) == ("/admin/auth/user/", 200)

    def test_the_setting_may_depend_on_the_user(
        self, boss: Person, new: Person, default_site: None, settings: Any
    ) -> None:
        settings.TWILIO_2FA_REQUIRED_IN_ADMIN = lambda user: user.username == "boss"
        assert boss.opens("/admin/").is_at("start")
        assert new.opens("/admin/").path == "/admin/"

    def test_a_failing_callable_requires_verification(
        self, new: Person, default_site: None, settings: Any
    ) -> None:
        settings.TWILIO_2FA_REQUIRED_IN_ADMIN = lambda user: 1 / 0
        assert new.opens("/admin/").is_at("start")

    def test_without_the_setting_verification_is_not_required(self, boss: Person, settings: Any) -> None:
        settings.ROOT_URLCONF = "demo.urls"
        assert boss.opens("/admin/").path == "/admin/"


# A project with its own default site, defined as in Django's documentation.
PROJECT = """
import sys, types
from django.conf import settings
shop = types.ModuleType("shop"); shop.__path__ = []; shop.__file__ = "shop"
source = '''
from django.contrib import admin
from django_twilio_2fa.admin import TwoFactorAdminSite
class ShopSite(TwoFactorAdminSite, admin.AdminSite):
    site_header = "Shop"
'''
import importlib.abc, importlib.machinery
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "shop_admin":
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(source, module.__dict__)
sys.meta_path.insert(0, Finder())
from django.contrib.admin.apps import AdminConfig
class ShopAdmin(AdminConfig):
    default = False
    default_site = {default_site!r}
sys.modules["shop"] = shop
shop.ShopAdmin = ShopAdmin
contrib = ["auth", "contenttypes", "sessions", "messages"]
settings.configure(
    SECRET_KEY="project",
    INSTALLED_APPS=["shop.ShopAdmin", "django_twilio_2fa", *(f"django.contrib.{{n}}" for n in contrib)],
    TWILIO_2FA_REQUIRED_IN_ADMIN={setting},
)
import django
django.setup()
from django.contrib import admin
from django_twilio_2fa.admin import TwoFactorAdminSite
from django_twilio_2fa.models import Device, Verification
assert isinstance(admin.site, TwoFactorAdminSite), type(admin.site)
assert admin.site.is_registered(Device) and admin.site.is_registered(Verification)
"""


@pytest.mark.parametrize(
    ("default_site", "setting"),
    [
        ("shop_admin.ShopSite", False),
        ("shop_admin.ShopSite", True),
        ("django_twilio_2fa.admin.TwoFactorAdminSite", False),
        ("django.contrib.admin.sites.AdminSite", True),
    ],
)
def test_the_default_site_of_a_project_can_be_each_class(default_site: str, setting: bool) -> None:
    program = PROJECT.format(default_site=default_site, setting=setting)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_the_mixin_is_an_admin_site() -> None:
    assert issubclass(TwoFactorAdminSite, admin.AdminSite)
