"""The pages of the admin for devices, verifications and browsers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from django_twilio_2fa.models import Device, TrustedBrowser, Verification
from django_twilio_2fa.signals import SIGNALS

from ..browsers.people import signs_in_again, trusts
from ..helpers import heard
from ..people import EMAIL, PHONE, Person

DEVICES = "/admin/twilio_2fa/device/"
VERIFICATIONS = "/admin/twilio_2fa/verification/"


@pytest.fixture
def staff(sam: Person, django_user_model: Any) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("boss", password="boss"))
    return client


def keys(model: Any) -> list[str]:
    return [str(row.pk) for row in model.objects.all()]


def acts(client: Client, page: str, action: str, model: Any = Device, **data: str) -> str:
    """Run an action on all rows of a page. Return the HTML of the next page."""
    picked = {"action": action, "_selected_action": keys(model), **data}
    return client.post(page, picked, follow=True).content.decode()


def locked(person: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 2}
    person.opens("start").picks("sms").types_a_wrong_code().types_a_wrong_code().types_the_code()
    assert not person.is_verified


@pytest.mark.parametrize(("q", "n"), [("sam", 2), ("XXX-0143", 1), ("email", 1), ("nobody", 0)])
def test_devices_are_found_by_user_kind_and_masked_value(staff: Client, q: str, n: int) -> None:
    page = staff.get(DEVICES, {"q": q})
    assert page.context["cl"].result_count == n


def test_the_admin_shows_nothing_sensitive(staff: Client, sam: Person) -> None:
    sam.opens("start").picks("sms")
    pages = [DEVICES, VERIFICATIONS]
    pages += [f"{DEVICES}{pk}/change/" for pk in keys(Device)]
    pages += [f"{VERIFICATIONS}{pk}/change/" for pk in keys(Verification)]
    for page in pages:
        html = staff.get(page).content.decode()
        assert "XXX" in html
        for secret in (PHONE, EMAIL, *Device.objects.values_list("digest", flat=True)):
            assert secret not in html


def test_a_device_can_be_removed_but_not_added(staff: Client) -> None:
    phone = Device.objects.get(kind="phone_number")
    staff.post(f"{DEVICES}{phone.pk}/delete/", {"post": "yes"})
    assert Device.objects.get().kind == "email"
    assert staff.get(f"{DEVICES}add/").status_code == 403


@pytest.mark.parametrize("at_once", [False, True])
def test_the_owner_gets_an_email_after_removal_in_the_admin(
    staff: Client,
    sam: Person,
    at_once: bool,
    mailoutbox: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    sam.user.email = EMAIL
    sam.user.save()
    Device.objects.filter(kind="email").delete()
    [pk] = keys(Device)
    with (
        heard(SIGNALS["twilio_2fa_device_removed"].signal) as told,
        django_capture_on_commit_callbacks(execute=True),
    ):
        if at_once:
            acts(staff, DEVICES, "delete_selected", post="yes")
        else:
            staff.post(f"{DEVICES}{pk}/delete/", {"post": "yes"})
    assert not Device.objects.exists()
    assert [mail.to for mail in mailoutbox] == [[EMAIL]]
    assert [(t["device"], t["user"], t["request"].user.username) for t in told] == [(pk, sam.user, "boss")]
    assert LogEntry.objects.get().object_id == pk


def test_removing_the_last_device_removes_recovery_codes(staff: Client, sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
    sam.opens("start").picks("sms").types_the_code()
    sam.posts("/2fa/add/start/", method="recovery", device="").posts().posts(saved="on")
    picked = [str(d.pk) for d in Device.objects.exclude(kind="recovery")]
    staff.post(DEVICES, {"action": "delete_selected", "_selected_action": picked, "post": "yes"})
    assert not Device.objects.exists()


@pytest.mark.parametrize(("page", "model"), [(DEVICES, Device), (VERIFICATIONS, Verification)])
def test_a_user_can_be_unlocked(staff: Client, sam: Person, settings: Any, page: str, model: Any) -> None:
    locked(sam, settings)
    assert "1 lock was lifted" in acts(staff, page, "unlock", model)
    assert sam.opens("verify").types_the_code().is_verified


@pytest.mark.parametrize(("page", "model"), [(DEVICES, Device), (VERIFICATIONS, Verification)])
def test_verification_can_be_ended_everywhere(staff: Client, sam: Person, page: str, model: Any) -> None:
    sam.opens("start").picks("sms").types_the_code()
    with heard(SIGNALS["twilio_2fa_verification_revoked"].signal) as told:
        assert "1 user has to verify again" in acts(staff, page, "end_verification", model)
    assert [(t["user"], t["verifications"]) for t in told] == [(sam.user, 1)]
    assert sam.opens("/2fa/add/").is_at("start")


@pytest.mark.parametrize("action", ["unlock", "end_verification"])
def test_each_action_is_in_the_admin_log(staff: Client, sam: Person, action: str) -> None:
    acts(staff, DEVICES, action)
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("boss", str(sam.user.pk))
    assert entry.content_type.model_class() is type(sam.user)
    assert entry.get_change_message().startswith("Two-factor verification: ")


@pytest.mark.parametrize("action", ["unlock", "end_verification", "delete_selected"])
def test_an_action_needs_its_permission(
    sam: Person, settings: Any, django_user_model: Any, action: str
) -> None:
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(clerk)
    locked(sam, settings)
    acts(client, DEVICES, action, post="yes")
    assert acts(client, VERIFICATIONS, action, Verification, post="yes")
    assert not LogEntry.objects.exists()
    assert Device.objects.count() == 2
    assert not sam.opens("verify").types_the_code().is_verified


def test_users_without_a_device_can_be_unlocked(staff: Client, demo: Person, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.admin.sites"
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
    boss = Person("boss")
    demo.opens("start").picks("sms").registers()
    Device.objects.all().delete()
    boss.opens("/staff/").picks("sms").registers("202 555 0147").types_the_code("+12025550147")
    demo.types_a_wrong_code()
    picked = {"action": "unlock", "_selected_action": [str(demo.user.pk)]}
    html = boss.client.post("/staff/auth/user/", picked, follow=True).content.decode()
    assert "2 locks were lifted" in html or "1 lock was lifted" in html


class TestVerifications:
    @pytest.fixture
    def rows(self, sam: Person, demo: Person, settings: Any, later: Any) -> None:
        """Create a text message to the US, approved yesterday, and a pending e-mail and call to Germany."""
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "DE"]
        sam.opens("start").picks("sms").types_the_code()
        later(86400)
        sam.opens("start").picks("email")
        demo.opens("start").picks("call").registers("+4915112345678", "DE")

    @pytest.mark.parametrize(
        ("query", "methods"),
        [
            ({"status__exact": "approved"}, ["sms"]),
            ({"method": "email"}, ["email"]),
            ({"country": "DE"}, ["call"]),
            ({"country": "US"}, ["sms"]),
            ({"country": "US", "method": "call"}, []),
            ({"q": "demo"}, ["call"]),
        ],
    )
    def test_verifications_are_filtered(
        self, staff: Client, rows: None, query: dict[str, str], methods: list[str]
    ) -> None:
        page = staff.get(VERIFICATIONS, query)
        assert [row.method for row in page.context["cl"].result_list] == methods

    def test_verifications_are_filtered_by_day(self, staff: Client, rows: None) -> None:
        now = timezone.now()
        day = {f"created_at__{part}": getattr(now, part) for part in ("year", "month", "day")}
        page = staff.get(VERIFICATIONS, day)
        assert {row.method for row in page.context["cl"].result_list} == {"email", "call"}

    def test_filters_offer_installed_methods_and_allowed_countries(self, staff: Client, rows: None) -> None:
        html = staff.get(VERIFICATIONS).content.decode()
        assert "?country=DE" in html
        assert "?method=whatsapp" in html

    def test_nobody_adds_changes_or_deletes_a_verification(self, staff: Client, rows: None) -> None:
        pk = keys(Verification)[0]
        assert staff.get(f"{VERIFICATIONS}add/").status_code == 403
        assert staff.post(f"{VERIFICATIONS}{pk}/delete/", {"post": "yes"}).status_code == 403
        assert staff.post(f"{VERIFICATIONS}{pk}/change/", {"status": "approved"}).status_code == 403
        acts(staff, VERIFICATIONS, "delete_selected", Verification, post="yes")
        assert Verification.objects.count() == 3

    def test_a_user_with_verifications_can_be_deleted_in_the_admin(
        self, staff: Client, sam: Person, rows: None
    ) -> None:
        staff.post(f"/admin/auth/user/{sam.user.pk}/delete/", {"post": "yes"})
        assert Verification.objects.count() == 1


class TestBrowsers:
    BROWSERS = "/admin/twilio_2fa/trustedbrowser/"

    @pytest.fixture
    def trusted(self, sam: Person, settings: Any) -> Person:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        return trusts(sam, "email", EMAIL)

    def test_browsers_are_listed_without_secrets(self, staff: Client, trusted: Person) -> None:
        row = TrustedBrowser.objects.get()
        for page in (self.BROWSERS, f"{self.BROWSERS}{row.pk}/change/"):
            html = staff.get(page).content.decode()
            assert "sam" in html
            assert row.digest not in html

    @pytest.mark.parametrize("at_once", [False, True])
    def test_an_administrator_can_end_a_browser(
        self, staff: Client, trusted: Person, at_once: bool, django_capture_on_commit_callbacks: Any
    ) -> None:
        [pk] = keys(TrustedBrowser)
        with (
            heard(SIGNALS["twilio_2fa_browser_ended"].signal) as told,
            django_capture_on_commit_callbacks(execute=True),
        ):
            if at_once:
                acts(staff, self.BROWSERS, "delete_selected", TrustedBrowser, post="yes")
            else:
                staff.post(f"{self.BROWSERS}{pk}/delete/", {"post": "yes"})
        assert not TrustedBrowser.objects.exists()
        assert [(t["reason"], t["request"].user.username) for t in told] == [("administrator", "boss")]
        assert LogEntry.objects.get().object_id == pk
        assert signs_in_again(trusted).opens("/secret/").is_at("start")

    def test_browsers_cannot_be_added_or_changed(self, staff: Client, trusted: Person) -> None:
        assert staff.get(f"{self.BROWSERS}add/").status_code == 403
        [pk] = keys(TrustedBrowser)
        assert staff.post(f"{self.BROWSERS}{pk}/change/", {"name": "x"}).status_code == 403

    def test_ending_verification_everywhere_ends_browsers(self, staff: Client, trusted: Person) -> None:
        acts(staff, DEVICES, "end_verification")
        assert not TrustedBrowser.objects.exists()
        assert signs_in_again(trusted).opens("/secret/").is_at("start")

    def test_a_user_with_browsers_can_be_deleted_in_the_admin(self, staff: Client, trusted: Person) -> None:
        staff.post(f"/admin/auth/user/{trusted.user.pk}/delete/", {"post": "yes"})
        assert not TrustedBrowser.objects.exists()
