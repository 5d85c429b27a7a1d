"""Settings that decide which users may use this package, register, change devices and skip."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.session import get_verifier

from ..people import EMAIL, Person
from . import callbacks
from .shows import shows


@shows("ALLOW_USER_CB", "DISALLOWED_REDIRECT_URL")
class TestAllowUser:
    @pytest.mark.parametrize(
        ("url", "goes_to"),
        [("/", "/"), ("secret", "/secret/"), (lambda user: f"/?{user.username}", "/?demo")],
    )
    def test_a_user_who_is_not_allowed_is_redirected_from_every_page(
        self, demo: Person, settings: Any, url: Any, goes_to: str
    ) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = f"{callbacks.HERE}.refuses_demo"
        settings.TWILIO_2FA_DISALLOWED_REDIRECT_URL = url
        for page in ("index", "start", "register", "verify", "success", "failed", "devices", "change"):
            assert demo.client.get(demo.url(page))["Location"] == goes_to
        assert demo.client.post(demo.url("start"), {"method": "sms"})["Location"] == goes_to

    def test_an_allowed_user_is_not_redirected(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = f"{callbacks.HERE}.refuses_demo"
        assert sam.opens("start").is_at("start")

    def test_allow_user_cb_may_be_false(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_USER_CB = False
        assert sam.opens("start").path == "/"


@shows("ALLOW_REGISTRATION")
class TestAllowRegistration:
    def test_without_allow_registration_a_new_user_sees_the_reason(
        self, demo: Person, sam: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTRATION = False
        assert demo.opens("start").is_at("failed")
        assert "Your account has no way to get codes, and you cannot add one here." in demo.text
        assert sam.opens("start").picks("sms").types_the_code().is_verified

    def test_allow_registration_may_depend_on_the_user(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTRATION = f"{callbacks.HERE}.is_demo"
        assert demo.opens("start").is_at("start")

    def test_allow_registration_may_depend_on_the_kind(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTRATION = lambda field: field != "email"
        assert [m for m, _detail in demo.opens("start").choices] == ["sms", "call", "whatsapp"]
        assert demo.posts(method="email").is_at("start")
        assert demo.picks("sms").registers().types_the_code().is_verified


@shows("ALLOW_CHANGE")
class TestAllowChange:
    def test_with_allow_change_every_device_can_be_changed(self, sam: Person) -> None:
        sam.opens("devices")
        assert all(row["change_href"] and row["removable"] for row in sam.page.context["devices"])
        assert sam.page.context["add_href"]

    def test_without_allow_change_no_device_can_be_changed(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_CHANGE = False
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("devices")
        assert not sam.page.context["add_href"]
        assert not any(row["change_href"] or row["removable"] for row in sam.page.context["devices"])
        for page in ("/2fa/add/", f"/2fa/change/{Device.objects.first().pk}/"):
            assert "cannot change how you get codes here" in sam.opens(page).text
        sam.posts(f"/2fa/remove/{Device.objects.first().pk}/")
        assert "cannot change how you get codes here" in sam.text
        assert Device.objects.count() == 2

    def test_allow_change_may_depend_on_the_kind(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_CHANGE = lambda field, user: field != "phone_number"
        sam.opens("start").picks("sms").types_the_code()
        rows = {row["masked"]: row for row in sam.opens("devices").page.context["devices"]}
        assert not rows["(XXX) XXX-0143"]["change_href"]
        assert rows["sXX@eXXXXXX.com"]["removable"]
        assert sam.opens("/2fa/add/").path == "/2fa/add/register/"
        assert sam.page.context["method"]["value"] == "email"
        phone = Device.objects.get(kind="phone_number")
        assert "cannot change how you get codes here" in sam.opens(f"/2fa/change/{phone.pk}/").text


def removal_page() -> str:
    """Return the page that removes the first stored device."""
    return f"/2fa/remove/{Device.objects.order_by('-kind').first().pk}/"


@shows("ALLOW_REMOVE_LAST")
class TestAllowRemoveLast:
    @pytest.mark.parametrize(
        ("allowed", "optional", "gone"),
        [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
    )
    def test_allow_remove_last_overrides_register_optional(
        self, pat: Person, settings: Any, allowed: Any, optional: bool, gone: bool
    ) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = allowed
        settings.TWILIO_2FA_REGISTER_OPTIONAL = optional
        pat.opens("start").picks("sms").types_the_code().posts(removal_page())
        assert Device.objects.exists() is not gone

    def test_allow_remove_last_may_depend_on_the_user(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = f"{callbacks.HERE}.is_demo"
        assert "Add another way before you remove this one" in pat.opens(removal_page()).text

    def test_a_failing_callback_keeps_the_last_device(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = lambda user: 1 / 0
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        pat.opens("start").picks("sms").types_the_code().posts(removal_page())
        assert Device.objects.exists()

    def test_a_device_is_not_the_last_if_the_site_has_an_address(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_EMAIL_CB = lambda user: EMAIL
        sam.opens("start").picks("sms").types_the_code().posts(removal_page())
        assert not Device.objects.filter(kind="phone_number").exists()

    def test_the_verifier_does_not_remove_the_last_device(self, pat: Person) -> None:
        pat.opens("start").picks("sms").types_the_code()
        verifier = get_verifier(pat.client.get("/").wsgi_request)
        with pytest.raises(errors.LastDevice):
            verifier.remove(verifier.registered()[0])


@shows("MAX_DEVICES")
class TestMaxDevices:
    NEW = "+12025550147"

    def test_no_device_can_be_added_beyond_max_devices(self, sam: Person, settings: Any) -> None:
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("/2fa/add/start/").picks("sms").registers(self.NEW)
        settings.TWILIO_2FA_MAX_DEVICES = 2
        assert not sam.opens("devices").page.context["add_href"]
        assert sam.opens("/2fa/add/").is_at("devices")
        assert "You have added as many as you can." in sam.text
        # A registration that was begun before is refused as well.
        sam.opens("/2fa/add/verify/").types_the_code(self.NEW)
        assert sam.page.context["error_code"] == "too_many_devices"
        assert Device.objects.count() == 2

    def test_max_devices_does_not_limit_changes_and_removals(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_MAX_DEVICES = 1
        sam.opens("start").picks("sms").types_the_code()
        phone = Device.objects.get(kind="phone_number")
        sam.opens(f"/2fa/change/{phone.pk}/").picks("sms").registers(self.NEW).types_the_code(self.NEW)
        assert Device.objects.filter(value=self.NEW).exists()
        sam.opens(removal_page()).picks("email").types_the_code(EMAIL).posts()
        assert Device.objects.count() == 1

    def test_recovery_codes_do_not_count_towards_max_devices(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
        settings.TWILIO_2FA_MAX_DEVICES = 2
        sam.opens("start").picks("sms").types_the_code()
        assert sam.opens("/2fa/add/").path == "/2fa/add/register/"
        sam.posts().posts(saved="on")
        assert Device.objects.filter(kind="recovery").exists()

    @pytest.mark.parametrize("most", [None, lambda user: 3])
    def test_max_devices_may_be_none_or_depend_on_the_user(
        self, sam: Person, settings: Any, most: Any
    ) -> None:
        settings.TWILIO_2FA_MAX_DEVICES = most
        sam.opens("start").picks("sms").types_the_code()
        sam.opens("/2fa/add/start/").picks("sms").registers(self.NEW).types_the_code(self.NEW)
        assert Device.objects.count() == 3


@shows("REGISTER_OPTIONAL")
class TestRegisterOptional:
    @pytest.fixture(autouse=True)
    def optional(self, settings: Any) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True

    @pytest.mark.parametrize("page", ["start", "register"])
    def test_a_new_user_may_skip_registration_for_the_session(self, demo: Person, page: str) -> None:
        demo.opens("/secret/")
        if page == "register":
            demo.picks("sms")
        assert "Skip for now" in demo.text
        demo.posts(action="skip")
        assert demo.path == "/secret/"
        assert not demo.is_verified
        assert demo.opens("/secret/").path == "/secret/"
        assert Person("demo").opens("/secret/").is_at("start")

    def test_a_get_request_does_not_skip_registration(self, demo: Person) -> None:
        demo.opens("/2fa/start/?action=skip")
        assert demo.opens("/secret/").is_at("start")

    def test_a_user_with_a_device_may_not_skip(self, pat: Person) -> None:
        pat.opens("/secret/")
        assert "Skip" not in pat.text
        assert pat.posts(action="skip").is_at("start")
        assert pat.opens("/secret/").is_at("start")

    def test_a_skip_ends_with_the_first_device(self, demo: Person) -> None:
        demo.opens("/secret/").posts(action="skip")
        Device.objects.register(demo.user, EmailAddress(EMAIL))
        assert demo.opens("/secret/").is_at("start")

    def test_a_skip_ends_with_the_setting(self, demo: Person, settings: Any) -> None:
        demo.opens("/secret/").posts(action="skip")
        settings.TWILIO_2FA_REGISTER_OPTIONAL = False
        assert demo.opens("/secret/").is_at("start")
        assert "Skip" not in demo.text
        assert demo.posts(action="skip").is_at("start")

    def test_register_optional_may_depend_on_the_user(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = f"{callbacks.HERE}.refuses_demo"
        assert "Skip" not in demo.opens("start").text
        get_user_model().objects.create_user("guest")
        assert "Skip" in Person("guest").opens("start").text


@shows("REGISTER_OPTIONAL_URL")
@pytest.mark.parametrize(
    ("url", "goes_to"),
    [
        ("/?skipped", "/"),
        ("home", "/"),
        (lambda user: f"/sandbox/?{user.pk}", "/sandbox/"),
        (None, "/secret/"),
    ],
)
def test_skipping_leads_to_register_optional_url(demo: Person, settings: Any, url: Any, goes_to: str) -> None:
    settings.TWILIO_2FA_REGISTER_OPTIONAL = True
    settings.TWILIO_2FA_REGISTER_OPTIONAL_URL = url
    demo.opens("/secret/").posts(action="skip")
    assert demo.path == goes_to


@shows("USER_MUST_HAVE_PHONE")
class TestUserMustHavePhone:
    @pytest.fixture(autouse=True)
    def must(self, settings: Any) -> None:
        settings.TWILIO_2FA_USER_MUST_HAVE_PHONE = True

    @pytest.fixture
    def ada(self, db: None) -> Person:
        """Return a user with an e-mail address only."""
        user = get_user_model().objects.create_user("ada")
        Device.objects.register(user, EmailAddress(EMAIL))
        return Person("ada")

    def test_a_new_user_is_offered_phones_only(self, demo: Person) -> None:
        assert [m for m, _detail in demo.opens("start").choices] == ["sms", "call", "whatsapp"]

    def test_a_user_without_a_phone_proves_a_device_then_adds_one(self, ada: Person) -> None:
        ada.opens("/secret/")
        assert ada.choices == [("email", "sXX@eXXXXXX.com")]
        ada.picks("email").types_the_code(EMAIL)
        assert ada.path == "/2fa/add/start/"
        assert [m for m, _detail in ada.choices] == ["sms", "call", "whatsapp"]
        ada.picks("sms").registers().types_the_code()
        assert ada.path == "/secret/"
        assert Device.objects.count() == 2

    def test_pages_refuse_a_user_who_has_not_added_a_phone(self, ada: Person) -> None:
        ada.opens("start").picks("email").types_the_code(EMAIL)
        assert ada.opens("/secret/").path == "/2fa/add/start/"

    def test_a_user_with_a_phone_is_not_asked_for_one(self, sam: Person) -> None:
        assert sam.opens("/secret/").picks("email").types_the_code(EMAIL).path == "/secret/"
