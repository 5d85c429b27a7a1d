"""Forms with errors: every POST redirects, and the next page shows the values and the errors."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import include, path

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.views import VerificationWizardView

from ..helpers import wrong_code
from ..people import PHONE, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")

WRONG_NUMBER = "12-34-5"
LANDLINE = "202 555 0150"


class AboutForm(forms.Form):
    team = forms.CharField(max_length=5)
    password = forms.CharField(widget=forms.PasswordInput, min_length=8)
    pass_word = forms.CharField(required=False)
    pass_word_again = forms.CharField(widget=forms.PasswordInput, required=False)
    pin = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}), required=False)
    picture = forms.FileField(required=False)


ROLES = forms.formset_factory(AboutForm, extra=1)


class AboutWizard(VerificationWizardView):
    file_storage = InMemoryStorage()
    form_list = [("about", AboutForm), *VerificationWizardView.form_list]


class RolesWizard(VerificationWizardView):
    file_storage = InMemoryStorage()
    form_list = [("roles", ROLES), *VerificationWizardView.form_list]


urlpatterns = [
    path("about/2fa/", include(AboutWizard.urls(), namespace="about")),
    path("roles/2fa/", include(RolesWizard.urls(), namespace="roles")),
    path("", include("demo.urls")),
]


def value(person: Person, field: str) -> Any:
    return person.page.context["form"][field].value()


def stored() -> str:
    return str([row.get_decoded() for row in Session.objects.all()])


@pytest.fixture
def asked(sam: Person) -> Person:
    return sam.opens("start").picks("sms")


class TestAWrongCode:
    def test_a_wrong_code_redirects_to_the_page(self, asked: Person) -> None:
        answer = asked.client.post(asked.url("verify"), {"token": wrong_code(messages.last_code(PHONE))})
        assert (answer.status_code, answer["Location"]) == (302, asked.url("verify"))

    def test_the_redirect_after_a_wrong_code_keeps_next(self, asked: Person) -> None:
        answer = asked.client.post(
            asked.url("verify") + "?next=/secret/", {"token": wrong_code(messages.last_code(PHONE))}
        )
        assert answer["Location"] == asked.url("verify") + "?next=%2Fsecret%2F"

    def test_a_wrong_code_is_reported_and_the_field_is_empty(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE)))
        assert "That code is incorrect. Check it and try again. You can try 4 more times." in asked.text
        assert not value(asked, "token")
        assert wrong_code(messages.last_code(PHONE)) not in asked.page.content.decode()

    @pytest.mark.parametrize("typed", ["", "12", "1234567", "abcdef"])
    def test_an_invalid_code_leaves_the_field_empty(self, asked: Person, typed: str) -> None:
        asked.types(typed)
        assert asked.page.redirect_chain == [(asked.url("verify"), 302)]
        assert asked.page.context["form"].errors["token"]
        assert not value(asked, "token")

    def test_a_reload_shows_the_error_again_without_an_attempt(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE)))
        for _ in range(3):
            asked.opens("verify")
            assert "You can try 4 more times" in asked.text
        assert Verification.objects.get().attempts == 1

    def test_the_next_post_replaces_the_error(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE)))
        asked.posts(action="resend")
        assert "That code is incorrect" not in asked.text

    def test_the_error_is_not_shown_for_another_verification(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE))).posts("start", method="email")
        assert asked.is_at("verify")
        assert "That code is incorrect" not in asked.text

    def test_the_error_is_not_shown_after_leaving_the_page(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE))).opens("start").opens("verify")
        assert "That code is incorrect" not in asked.text

    def test_the_right_code_deletes_the_stored_error(self, asked: Person) -> None:
        asked.types(wrong_code(messages.last_code(PHONE))).types_the_code()
        assert asked.is_verified
        assert "That code is incorrect" not in stored()

    def test_the_session_contains_no_token(self, asked: Person) -> None:
        from django_twilio_2fa.process import sealed

        asked.types(wrong_code(messages.last_code(PHONE)))
        [state] = Session.objects.get().get_decoded()["twilio_2fa"]["wizards"].values()
        assert wrong_code(messages.last_code(PHONE)) not in stored()
        assert wrong_code(messages.last_code(PHONE)) not in str(
            sealed.unseal(state["again"]["sealed"], "again")
        )

    def test_a_wrong_code_is_reported_for_the_tab_that_posted(self, asked: Person) -> None:
        first = Verification.objects.get()
        asked.posts("start", method="email")
        asked.posts("verify", token=wrong_code(messages.last_code(PHONE)), verification=str(first.public_id))
        assert "That code is incorrect" in asked.text
        assert asked.page.context["verification_id"] == str(first.public_id)


class TestRegistering:
    def test_an_invalid_form_is_shown_with_values_and_errors(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(WRONG_NUMBER, "DE")
        assert demo.page.redirect_chain == [(demo.url("register"), 302)]
        assert demo.page.context["form"].errors["phone_number"]
        assert (value(demo, "country_code"), value(demo, "phone_number")) == ("DE", WRONG_NUMBER)
        assert 'aria-invalid="true"' in demo.page.content.decode()

    def test_an_invalid_form_is_encrypted_in_the_session(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(WRONG_NUMBER)
        assert WRONG_NUMBER not in stored()
        demo.opens("start").picks("email").posts(email="no-address-of-mine")
        assert "no-address" in demo.page.content.decode()
        assert "no-address" not in stored()

    def test_an_empty_field_redirects(self, demo: Person) -> None:
        demo.opens("start").picks("sms").posts()
        assert demo.page.redirect_chain == [(demo.url("register"), 302)]
        assert demo.page.context["form"].errors["phone_number"]

    def test_a_refused_number_is_reported_at_the_field(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = ["DE"]
        demo.opens("start").picks("sms").registers("+49 30 901820")
        assert demo.page.redirect_chain == [(demo.url("register"), 302)]
        assert demo.page.context["form"].errors["phone_number"]

    def test_a_refused_number_is_kept_for_another_method(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("202 555 01")
        demo.opens("start").picks("call")
        assert value(demo, "phone_number") == "202 555 01"
        assert not demo.page.context["form"].errors

    def test_a_refused_number_is_not_put_into_the_email_field(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(WRONG_NUMBER).opens("start").picks("email")
        assert WRONG_NUMBER not in demo.page.content.decode()

    def test_the_kept_form_is_deleted_when_a_code_is_sent(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(WRONG_NUMBER).registers()
        assert demo.is_at("verify")
        assert "again" not in stored()

    def test_the_kept_form_is_deleted_after_ten_minutes(self, demo: Person, monkeypatch: Any) -> None:
        import time

        demo.opens("start").picks("sms").registers(WRONG_NUMBER)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 601)
        assert not value(demo.opens("register"), "phone_number")

    def test_another_session_does_not_see_the_kept_form(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(WRONG_NUMBER)
        other = Person("demo").opens("start").picks("sms")
        assert not value(other, "phone_number")

    def test_a_form_too_long_for_the_session_does_not_redirect(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("2" * 5000)
        assert demo.page.redirect_chain == []
        assert demo.page.context["form"].errors["phone_number"]


class TestCorrecting:
    def test_a_phone_number_can_be_corrected(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers("030 901820", "DE").opens("register")
        assert demo.page.context["form"]["country_code"].value() == "DE"
        assert value(demo, "phone_number") == "030 901820"

    def test_an_email_address_can_be_corrected(self, demo: Person) -> None:
        demo.opens("start").picks("email").posts(email="demo@exampel.com").opens("register")
        assert value(demo, "email") == "demo@exampel.com"

    def test_another_method_keeps_the_entered_number(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().opens("start").picks("call")
        assert value(demo, "phone_number") == "(202) 555-0143"

    def test_an_address_is_not_put_into_the_phone_field(self, demo: Person) -> None:
        demo.opens("start").picks("email").posts(email="demo@example.com").opens("start").picks("sms")
        assert not value(demo, "phone_number")

    def test_another_session_does_not_see_the_entered_number(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers()
        other = Person("demo").opens("start").picks("sms")
        assert not value(other, "phone_number")

    def test_the_entered_number_is_deleted_by_a_cancel(self, demo: Person) -> None:
        demo.opens("start").picks("sms").registers().posts(action="cancel").picks("sms")
        assert not value(demo, "phone_number")

    def test_a_number_can_be_corrected_during_a_change(self, pat: Person) -> None:
        pk = Device.objects.get().pk
        pat.opens("start").picks("sms").types_the_code().opens(f"/2fa/change/{pk}/")
        pat.picks("sms").registers("202 555 0147").opens(f"/2fa/change/{pk}/register/")
        assert value(pat, "phone_number") == "(202) 555-0147"

    def test_an_extension_is_kept_for_correction(self, demo: Person) -> None:
        demo.opens("start").picks("call").registers("202 555 0143 ext. 12").opens("register")
        typed = value(demo, "phone_number")
        demo.registers(typed)
        assert Verification.objects.filter(status="pending").get().extension == "12"


@pytest.mark.urls(__name__)
class TestStepsOfASubclass:
    @pytest.fixture
    def owner(self, db: None) -> Person:
        user = get_user_model().objects.create_user("owner")
        register_device(user, EmailAddress("owner@example.com"))
        return Person("owner", mount="about")

    def test_an_invalid_step_of_a_subclass_redirects(self, owner: Person) -> None:
        owner.posts("about", team="too long", password="short")
        assert owner.page.redirect_chain == [(owner.url("about"), 302)]
        assert set(owner.page.context["form"].errors) == {"team", "password"}
        assert value(owner, "team") == "too long"
        assert "too long" not in stored()

    def test_secret_fields_of_an_invalid_form_are_not_kept(self, owner: Person) -> None:
        from django_twilio_2fa.process import sealed

        owner.posts("about", team="too long", password="hunter2", pass_word_again="hunter2", pin="hunter2")
        [state] = Session.objects.get().get_decoded()["twilio_2fa"]["wizards"].values()
        kept = sealed.unseal(state["again"]["sealed"], "again")
        assert kept["data"] == {"team": ["too long"]}
        assert "hunter2" not in str(kept)

    def test_a_form_with_a_file_does_not_redirect(self, owner: Person) -> None:
        picture = SimpleUploadedFile("me.png", b"not one", "image/png")
        owner.posts("about", team="too long", password="hunter2", picture=picture)
        assert owner.page.redirect_chain == []
        assert value(owner, "team") == "too long"

    def test_a_formset_does_not_redirect(self, owner: Person) -> None:
        owner.mount = "roles"
        data = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-team": "too long"}
        owner.posts("roles", **data)
        assert owner.page.status_code == 200
        assert owner.page.context["form"].errors

    def test_a_valid_step_of_a_subclass_leads_to_the_next(self, owner: Person) -> None:
        owner.posts("about", team="too long", password="short").posts(team="a", password="long enough")
        assert owner.is_at("start")
        assert "again" not in stored()

    def test_a_get_request_validates_no_form(self, owner: Person, monkeypatch: Any) -> None:
        owner.posts("about", team="too long", password="short")
        monkeypatch.setattr(AboutForm, "clean", lambda self: pytest.fail("validated"))
        assert owner.opens("about").page.context["form"].errors["team"]


def test_every_post_of_the_pages_redirects(demo: Person) -> None:
    # So the browser's Back button never opens a page that the browser has to post again.
    posts: list[tuple[str, dict[str, str]]] = [
        ("start", {}),
        ("start", {"method": "owl"}),
        ("start", {"method": "sms"}),
        ("register", {}),
        ("register", {"phone_number": "1", "country_code": "US"}),
        ("register", {"phone_number": "1", "country_code": "XX"}),
        ("register", {"phone_number": LANDLINE, "country_code": "US"}),
        ("register", {"phone_number": "2025550143", "country_code": "US"}),
        ("verify", {}),
        ("verify", {"token": "1"}),
        ("verify", {"token": "000000"}),
        ("verify", {"token": "000000", "verification": "none"}),
        ("verify", {"action": "resend"}),
        ("verify", {"action": "cancel"}),
        ("success", {}),
        ("failed", {}),
        ("devices", {}),
    ]
    for page, data in posts:
        answer = demo.client.post(demo.url(page), data)
        assert answer.status_code == 302, (page, data)
