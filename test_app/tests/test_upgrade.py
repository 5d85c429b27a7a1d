"""A site that was written for 0.32 keeps working, and warnings say what it should change."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.dispatch import Signal
from django.test import Client
from django.urls import reverse

from django_twilio_2fa import signals
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages

from .helpers import same_browser
from .pages.test_templates import OLD, with_templates
from .people import PHONE, Person

OLD_PATHS = ("django_twilio_2fa.dispatch", "django_twilio_2fa.options", "django_twilio_2fa.client")


@pytest.fixture
def site(settings: Any) -> Iterator[Any]:
    """Return the module of the old site. The settings name its callbacks and its middleware."""
    connected = [s for s in vars(signals).values() if isinstance(s, Signal)]
    before = {signal: list(signal.receivers) for signal in connected}
    for name in (*OLD_PATHS, "tests.old_site"):
        sys.modules.pop(name, None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = importlib.import_module("tests.old_site")
    assert {str(w.message).split()[0] for w in told if w.category is DeprecationWarning} >= set(OLD_PATHS[:2])
    warnings.simplefilter("ignore", DeprecationWarning)
    settings.TWILIO_2FA_USER_PHONE_NUMBER_CB = module.phone_number
    settings.TWILIO_2FA_USER_EMAIL_CB = module.email
    settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = "tests.old_site.message"
    settings.TWILIO_2FA_METHOD_DISPLAY_CB = "tests.old_site.method_display"
    settings.TWILIO_2FA_SUCCESS_REDIRECT_URL = "/secret/"
    settings.TWILIO_2FA_SEND_COOLDOWN = 30
    settings.TWILIO_2FA_ERROR_DISPLAY = {"invalid_verification_code": "Nope."}
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.old_site.TwoFactorMiddleware"]
    with_templates(settings, OLD)
    module.PROFILES.clear()
    module.HEARD.clear()
    yield module
    for signal in connected:
        signal.receivers = before[signal]
        signal.sender_receivers_cache.clear()


def test_a_user_of_an_old_site_registers_and_comes_back(demo: Person, site: Any) -> None:
    demo.opens("/secret/")
    assert demo.is_at("start")
    assert "SMS" in demo.text
    demo.posts(method="sms").posts(country_code="US", phone_number="202 555 0143")
    assert site.PROFILES == {}
    demo.types_a_wrong_code()
    assert not demo.client.session.get("twilio_2fa_verification")
    demo.types_the_code()
    # The site stores the number. This package does not.
    assert {demo.user.pk: {"phone_number": PHONE}} == site.PROFILES
    assert not Device.objects.exists()
    assert demo.path == "/secret/"
    assert site.HEARD == [("sent", "sms"), ("failed", "sms"), ("status", "approved"), ("success", "sms")]

    again = Person("demo").opens("/secret/")
    assert again.is_at("start")
    assert "(XXX) XXX-0143" in again.text
    again.posts(method="call").types_the_code()
    assert again.path == "/secret/"


def test_links_of_an_old_site_open_pages_and_change_nothing(pat: Person, site: Any) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    for link in ("?c=1", "?action=retry", "?e=verification_expired"):
        assert pat.opens(f"/2fa/start/{link}").page.status_code == 200
    assert not messages.delivered()


def test_the_old_names_of_classes_are_the_new_classes(site: Any) -> None:
    assert site.PhoneNumber is PhoneNumber
    assert site.Email is EmailAddress
    number = site.PhoneNumber("+12025550143")
    assert (number.e164_format, number.country_code, number.obfuscated) == (PHONE, "US", "(XXX) XXX-0143")
    with pytest.raises(site.InvalidPhoneNumber):
        site.PhoneNumber("owl")


def test_the_client_is_the_verifier_of_the_request(pat: Person, site: Any) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    request = pat.client.get("/2fa/start/").wsgi_request
    client = site.TwoFAClient(request)
    request.session.save()
    row = client.send("sms")
    assert client.check(row, messages.last_code(PHONE)).status == "approved"
    assert pat.is_verified


def test_the_api_answers_at_the_urls_of_0_32(pat: Person, site: Any) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    answer = pat.client.post("/api/2fa/send", {"method": "sms"})
    id = answer.json()["verification_id"]
    answer = pat.client.post("/api/2fa/verify", {"verification_id": id, "code": messages.last_code(PHONE)})
    assert answer.json()["verified"] is True
    assert answer.json()["display"] == "You are in."
    assert pat.client.session["twilio_2fa_verification"] is True


@pytest.mark.parametrize("way", ["pages", "api"])
def test_a_double_submit_keeps_what_receivers_stored(pat: Person, site: Any, settings: Any, way: str) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    pat.opens("start").picks("sms")
    code, id = messages.last_code(PHONE), str(Verification.objects.get().public_id)
    asked = []

    def submit(client: Client) -> None:
        if way == "pages":
            client.post("/2fa/verify/", {"token": code})
        else:
            client.post("/api/2fa/verify/", {"verification_id": id, "code": code})

    def allowed(user: Any) -> bool:
        asked.append(user)
        if len(asked) == 2:
            # This request has read its session and its verification. Now the other request is approved.
            other = same_browser(pat.client)
            submit(other)
            assert other.session["twilio_2fa_verification"] is True
        return True

    settings.TWILIO_2FA_ALLOW_USER_CB = allowed
    submit(pat.client)
    assert len(asked) > 2
    assert pat.client.session.get("twilio_2fa_verification") is True
    assert pat.opens("/secret/").path == "/secret/"


def test_a_user_of_an_old_site_changes_the_number(pat: Person, site: Any) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    # The form of the old page. Now it requires a proof first.
    pat.posts("change", country_code="US", phone_number="202 555 0147")
    assert pat.is_at("start")
    assert site.PROFILES[pat.user.pk] == {"phone_number": PHONE}
    pat.posts(method="sms").types_the_code()
    pat.posts(method="sms").posts(country_code="US", phone_number="202 555 0147")
    assert pat.types_the_code("+12025550147").is_at("devices")
    assert site.PROFILES[pat.user.pk] == {"phone_number": "+12025550147"}


def test_skipping_on_an_old_site_leads_to_the_setting(demo: Person, site: Any, settings: Any) -> None:
    settings.TWILIO_2FA_REGISTER_OPTIONAL = True
    settings.TWILIO_2FA_REGISTER_OPTIONAL_URL = "/here/"
    demo.opens("start").posts(method="sms")
    assert 'href="/here/"' in demo.page.content.decode()
    assert demo.posts(action="skip").path == "/here/"
    settings.TWILIO_2FA_REGISTER_OPTIONAL = False
    assert 'href="/here/"' not in Person("demo").opens("start").posts(method="sms").page.content.decode()


def test_an_old_site_gets_the_signal_of_twilio_errors(demo: Person, site: Any) -> None:
    demo.opens("start").posts(method="sms").posts(country_code="US", phone_number="202 555 0160")
    assert ("error", "TwilioRestException") in site.HEARD
    assert "2fa_error" not in demo.text


def from_the_guide(named: str) -> dict[str, Any]:
    """Return the names that a Python block in the upgrade guide defines."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "upgrading.md").read_text()
    [code] = [code for code in re.findall(r"^```python\n(.*?)^```", guide, re.S | re.M) if named in code]
    found: dict[str, Any] = {}
    exec(code, found)
    return found


@pytest.mark.parametrize("guarded", [True, False])
def test_a_session_key_set_without_a_user_lets_nobody_in(
    pat: Person, site: Any, settings: Any, guarded: bool
) -> None:
    # The receiver in the upgrade guide guards the key. The receiver of 0.32 does not.
    if guarded:
        signals.twilio_2fa_verification_success.disconnect(site.verified)
        kept = from_the_guide("def verified")
    settings.TWILIO_2FA_ALLOW_USERLESS = True
    client = Client()
    sent = client.post("/api/2fa/send/", {"method": "sms", "phone_number": "+12025550199"}).json()
    code = messages.last_code("+12025550199")
    told = client.post("/api/2fa/verify/", {"verification_id": sent["verification_id"], "code": code})
    assert told.json()["verified"] is True
    client.force_login(get_user_model().objects.create_user("victim"))
    assert ("twilio_2fa_verification" in client.session) is not guarded
    # A signed-in user who verifies gets the key.
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    pat.opens("start").picks("sms").types_the_code()
    assert pat.client.session["twilio_2fa_verification"] is True
    assert not guarded or kept["verified"]


def test_the_middleware_of_the_guide_lets_the_verified_in(pat: Person, site: Any, settings: Any) -> None:
    site.PROFILES[pat.user.pk] = {"phone_number": PHONE}
    middleware = from_the_guide("class TwoFactorMiddleware")["TwoFactorMiddleware"](lambda request: "in")

    def asks() -> Any:
        request = pat.client.get("/2fa/start/").wsgi_request
        request.path = "/account/"
        return middleware(request)

    assert asks().url == "/2fa/"
    pat.opens("start").picks("sms").types_the_code()
    assert asks() == "in"


PROJECT = Path(__file__).with_name("old_project")
EVERY_IMPORT = {
    "django_twilio_2fa.apps": ["Twilio2faConfig"],
    "django_twilio_2fa.urls": ["app_name", "urlpatterns"],
    "django_twilio_2fa.api.urls": ["app_name", "urlpatterns"],
    "django_twilio_2fa.dispatch": [
        "twilio_2fa_set_user_data",
        "twilio_2fa_twilio_error",
        "twilio_2fa_verification_failed",
        "twilio_2fa_verification_sent",
        "twilio_2fa_verification_status_changed",
        "twilio_2fa_verification_success",
    ],
    "django_twilio_2fa.options": ["Email", "PhoneNumber"],
    "django_twilio_2fa.client": ["TwoFAClient"],
    "django_twilio_2fa.errors": ["InvalidPhoneNumber", "UserNotAllowed", "VerificationNotFound"],
    "django_twilio_2fa.utils": [
        "SETTING_PREFIX",
        "get_setting",
        "SESSION_PREFIX",
        "SESSION_METHOD",
        "SESSION_TIMESTAMP",
        "SESSION_SID",
        "SESSION_CAN_RETRY",
        "SESSION_NEXT_URL",
        "SESSION_TIMEOUT",
        "SESSION_ATTEMPTS",
        "SESSION_SEND_TO",
        "SESSION_OBFUSCATED_VALUE",
        "URL_PREFIX",
        "DATEFMT",
        "get_twilio_client",
        "verify_phone_number",
        "parse_phone_number",
        "country_code_choices",
    ],
}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the old project's folder, as a developer of that project does."""
    packages = os.pathsep.join(p for p in sys.path if Path(p).resolve() != PROJECT.parents[1])
    whole = {**os.environ, "PYTHONPATH": packages, **env}
    whole.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=whole, cwd=PROJECT)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in EVERY_IMPORT.items() for name in names]
)
def test_names_of_0_32_can_still_be_imported(module: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize("module", [*OLD_PATHS[:2], "django_twilio_2fa.utils"])
def test_importing_an_old_module_warns(module: str) -> None:
    sys.modules.pop(module, None)
    with pytest.warns(DeprecationWarning, match=f"{module} is deprecated"):
        importlib.import_module(module)


def test_an_import_of_everything_brings_what_0_32_exported() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        utils = importlib.import_module("django_twilio_2fa.utils")
    assert sorted(utils.__all__) == sorted(EVERY_IMPORT["django_twilio_2fa.utils"])


def test_the_old_app_config_is_the_app() -> None:
    from django.apps import AppConfig

    with pytest.warns(DeprecationWarning, match="Twilio2faConfig is deprecated"):
        config = AppConfig.create("django_twilio_2fa.apps.Twilio2faConfig")
    ours = AppConfig.create("django_twilio_2fa")
    assert (config.name, config.label, config.path) == (ours.name, ours.label, ours.path)
    assert type(ours).__name__ == "TwilioTwoFactorConfig"


def test_a_project_of_0_32_passes_check_and_says_what_to_change() -> None:
    done = run("manage.py", "check")
    assert done.returncode == 0, done.stderr
    for name in ("REGISTER_CB", "TIMEOUT_CB", "ALLOW_UNVERIFIED_SMS", "ALLOW_USER_ERROR_MESSAGE"):
        assert f"(twilio_2fa.W007) TWILIO_2FA_{name} is no longer used." in done.stderr
    assert "twilio_2fa_set_user_data" in done.stderr
    assert "twilio_2fa.E" not in done.stderr


@pytest.mark.slow
def test_a_project_of_0_32_migrates(tmp_path: Path) -> None:
    database = str(tmp_path / "shop.sqlite3")
    done = run("manage.py", "migrate", SHOP_DATABASE=database)
    assert done.returncode == 0, done.stderr
    assert "twilio_2fa.W012" not in done.stderr
    done = run("manage.py", "makemigrations", "--check", "--dry-run", SHOP_DATABASE=database)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_user_verifies_in_a_project_of_0_32() -> None:
    done = run("drive.py")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [said.partition("Run: ")[2] for said in told["before_migrate"]] == ["python manage.py migrate"] * 2
    assert told["led_to"] == "/2fa/start/?next=/orders/"
    # Methods without their apps are not offered, because their pages are not found.
    assert told["offered"] == ["sms", "call", "email"]
    assert (told["masked"], told["stored"], told["orders"]) == ("(XXX) XXX-0143", PHONE, "your orders")


@pytest.fixture
def utils() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("django_twilio_2fa.utils")


def test_get_setting_reads_and_calls_settings(utils: Any, settings: Any) -> None:
    settings.TWILIO_2FA_MAX_ATTEMPTS = 3
    settings.TWILIO_2FA_USER_EMAIL_CB = lambda user: f"{user}@example.com"
    settings.TWILIO_2FA_OWN = lambda: "the site's"
    assert utils.get_setting("max_attempts") == utils.get_setting("TWILIO_2FA_MAX_ATTEMPTS") == 3
    for name in ("USER_EMAIL_CB", "EMAIL_CB"):
        assert utils.get_setting(name, callback_kwargs={"user": "sam"}) == "sam@example.com"
    assert utils.get_setting("OWN") == "the site's"
    assert utils.get_setting("REGISTER_OPTIONAL_URL", default="/there/") == "/there/"
    assert utils.SETTING_PREFIX + "_MAX_ATTEMPTS" == "TWILIO_2FA_MAX_ATTEMPTS"
    assert reverse(f"{utils.URL_PREFIX}:start") == "/2fa/start/"


def test_the_old_helpers_validate_numbers(utils: Any, settings: Any) -> None:
    from phonenumbers import PhoneNumberFormat, format_number

    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "FR"]
    assert utils.country_code_choices() == [("FR", "France"), ("US", "United States")]
    assert format_number(utils.parse_phone_number("202 555 0143"), PhoneNumberFormat.E164) == PHONE
    assert utils.verify_phone_number("202 555 0143", "US") == {}
    for number, country in (("owl", "US"), ("202 555", "US"), ("030 901820", "DE")):
        with pytest.raises(ValidationError):
            utils.verify_phone_number(number, country)
    with pytest.raises(ValidationError):
        utils.parse_phone_number("owl")


@pytest.mark.django_db
def test_the_old_helpers_look_numbers_up(utils: Any) -> None:
    told = utils.verify_phone_number("202 555 0143", "US", do_lookup=True)
    assert told == {"phone_number": PHONE, "carrier_type": "mobile"}


@pytest.mark.django_db
def test_the_old_helper_returns_the_client_of_the_process(utils: Any) -> None:
    from django_twilio_2fa.twilio.client import get_client

    assert utils.get_twilio_client() is get_client()
    other = utils.get_twilio_client(account_sid="AC" + "7" * 32, auth_token="x")
    assert other.username == "AC" + "7" * 32
    # The sandbox answers this client as well.
    assert other.lookups.v2.phone_numbers(PHONE).fetch().phone_number == PHONE
