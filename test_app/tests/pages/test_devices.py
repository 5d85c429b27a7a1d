"""Adding, changing, removing and naming devices, only after a fresh verification."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.test import override_settings

from django_twilio_2fa import errors
from django_twilio_2fa.models import Device, Purpose, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.verifier import Verifier

from ..people import EMAIL, PHONE, Person

NEW, THIRD = "+12025550147", "+12025550148"


def values(person: Person) -> list[str]:
    return sorted(Device.objects.filter(user=person.user).values_list("value", flat=True))


def proven(person: Person, method: str = "sms", to: str = PHONE) -> Person:
    """Verify, so that the devices can be changed."""
    return person.opens("start").picks(method).types_the_code(to)


class TestList:
    def test_the_list_shows_devices_with_links_to_change_and_add(self, sam: Person) -> None:
        sam.opens("devices")
        assert "(XXX) XXX-0143" in sam.text
        assert "sXX@eXXXXXX.com" in sam.text
        shown = sam.page.context["devices"]
        phone = Device.objects.get(kind="phone_number")
        assert shown[0]["change_href"] == f"/2fa/change/{phone.pk}/"
        assert sam.page.context["add_href"] == "/2fa/add/"

    def test_the_list_shows_no_devices_of_other_users(self, sam: Person, demo: Person) -> None:
        assert demo.opens("devices").page.context["devices"] == []

    @override_settings(TWILIO_2FA_ALLOW_CHANGE=False)
    def test_without_allow_change_the_list_has_no_buttons(self, sam: Person) -> None:
        sam.opens("devices")
        assert not any(d["change_href"] or d["removable"] for d in sam.page.context["devices"])
        assert sam.page.context["add_href"] == ""


class TestAdd:
    def test_adding_requires_a_verification_and_keeps_devices(self, pat: Person) -> None:
        pat.opens("/2fa/add/")
        assert pat.is_at("start")
        assert "Check it is you before you change" in pat.text
        pat.picks("sms").types_the_code()
        assert pat.path == "/2fa/add/start/"
        pat.picks("email").posts(email=EMAIL)
        assert pat.path == "/2fa/add/verify/"
        pat.types_the_code(EMAIL)
        assert pat.is_at("devices")
        assert values(pat) == [PHONE, EMAIL]
        assert "Added: sXX@eXXXXXX.com" in pat.text

    def test_an_added_device_is_stored_when_its_code_is_entered(self, pat: Person) -> None:
        proven(pat).opens("/2fa/add/").picks("email").posts(email=EMAIL)
        pat.types_a_wrong_code(EMAIL)
        assert values(pat) == [PHONE]

    def test_one_proof_allows_several_additions(self, pat: Person) -> None:
        proven(pat)
        for number in (NEW, THIRD):
            pat.opens("/2fa/add/").picks("sms").registers(number).types_the_code(number)
        pat.opens("/2fa/add/").picks("email").posts(email=EMAIL).types_the_code(EMAIL)
        assert values(pat) == [PHONE, NEW, THIRD, EMAIL]

    def test_a_change_after_an_addition_needs_no_second_proof(self, pat: Person) -> None:
        change = f"/2fa/change/{Device.objects.get().pk}"
        proven(pat).opens(f"{change}/").picks("sms").registers("202 555 0147")
        pat.opens("/2fa/add/").picks("email").posts(email=EMAIL).types_the_code(EMAIL)
        assert values(pat) == [PHONE, EMAIL]
        pat.opens(f"{change}/verify/").types_the_code(NEW)
        assert pat.is_at("devices")
        assert values(pat) == [NEW, EMAIL]

    def test_a_proof_used_for_a_change_allows_no_addition(self, pat: Person) -> None:
        change = f"/2fa/change/{Device.objects.get().pk}"
        proven(pat).opens("/2fa/add/").picks("email").posts(email=EMAIL)
        pat.opens(f"{change}/").picks("sms").registers("202 555 0147").types_the_code(NEW)
        assert pat.opens("/2fa/add/").is_at("start")
        # An addition that was begun before the change is refused as well.
        pat.opens("/2fa/add/verify/").types_the_code(EMAIL)
        assert pat.page.context["error_code"] == "proof_required"
        assert values(pat) == [NEW]

    def test_a_proof_allows_one_change_only(self, sam: Person) -> None:
        phone, email = Device.objects.order_by("-kind")
        proven(sam).opens(f"/2fa/change/{phone.pk}/").picks("sms").registers("202 555 0147")
        sam.opens(f"/2fa/change/{email.pk}/").posts(email="new@example.com").types_the_code("new@example.com")
        assert sam.is_at("devices")
        sam.opens(f"/2fa/change/{phone.pk}/verify/").types_the_code(NEW)
        assert sam.page.context["error_code"] == "proof_required"
        assert values(sam) == [PHONE, "new@example.com"]

    def test_a_proof_used_for_a_removal_allows_no_addition(self, sam: Person) -> None:
        proven(sam).opens("/2fa/add/").picks("sms").registers(NEW)
        sam.posts(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
        sam.opens("/2fa/add/verify/").types_the_code(NEW)
        assert sam.page.context["error_code"] == "proof_required"
        assert values(sam) == [PHONE]

    def test_adding_a_number_with_another_extension_is_a_change(self, sam: Person) -> None:
        # The new number replaces the registered one, so the change uses the proof up.
        proven(sam).opens("/2fa/add/").picks("call").registers("202 555 0143 ext. 22").types_the_code()
        assert Device.objects.get(kind="phone_number").data == {"extension": "22"}
        assert sam.opens("/2fa/add/").is_at("start")

    def test_a_proof_is_valid_for_ten_minutes(self, pat: Person, later: Any) -> None:
        proven(pat)
        later(601)
        assert pat.opens("/2fa/add/").is_at("start")

    def test_a_proof_of_another_session_allows_no_addition(self, pat: Person) -> None:
        proven(pat)
        other = Person("pat")
        assert other.opens("/2fa/add/").is_at("start")
        other.posts("/2fa/add/register/", email=EMAIL)
        assert values(pat) == [PHONE]

    def test_approving_an_added_device_verifies_no_other_session(self, pat: Person, later: Any) -> None:
        proven(pat).opens("/2fa/add/").picks("email").posts(email=EMAIL)
        other = Person("pat")
        row = str(Verification.objects.get(purpose=Purpose.ENROL).public_id)
        other.posts("/2fa/verify/", token=messages.last_code(EMAIL), verification=row)
        assert not other.is_verified

    def test_adding_a_registered_number_changes_nothing(self, pat: Person) -> None:
        Device.objects.update(name="My phone")
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("/2fa/add/").picks("call").registers().types_the_code()
        assert pat.is_at("devices")
        assert [(d.value, d.name) for d in Device.objects.all()] == [(PHONE, "My phone")]

    def test_a_user_without_devices_registers_instead_of_adding(self, demo: Person) -> None:
        assert demo.opens("/2fa/add/").is_at("start")
        assert demo.page.context["is_registration"]

    @override_settings(TWILIO_2FA_ALLOW_CHANGE=False)
    def test_adding_without_allow_change_is_an_error(self, pat: Person) -> None:
        proven(pat).opens("/2fa/add/")
        assert pat.path == "/2fa/add/failed/"
        assert pat.page.context["error_code"] == "change_not_allowed"


class TestChange:
    def test_the_only_device_is_replaced_after_a_code_to_the_new_one(self, pat: Person) -> None:
        old = Device.objects.get()
        pat.opens("change")
        assert pat.is_at("start")
        pat.picks("sms").types_the_code()
        assert pat.path == f"/2fa/change/{old.pk}/start/"
        assert [m for m, _detail in pat.choices] == ["sms", "call", "whatsapp"]
        pat.picks("sms")
        assert "(XXX) XXX-0143" in pat.text
        pat.registers("202 555 0147")
        assert values(pat) == [PHONE]
        pat.types_the_code(NEW)
        assert pat.is_at("devices")
        assert values(pat) == [NEW]

    def test_a_change_may_be_verified_with_another_device(self, sam: Person) -> None:
        phone = Device.objects.get(kind="phone_number")
        proven(sam, "email", EMAIL).opens(f"/2fa/change/{phone.pk}/").picks("call").registers("202 555 0147")
        sam.types_the_code(NEW)
        assert values(sam) == [NEW, EMAIL]

    def test_change_leads_a_user_with_several_devices_to_the_list(self, sam: Person) -> None:
        assert sam.opens("change").is_at("devices")

    def test_a_device_of_somebody_else_cannot_be_changed(self, sam: Person, db: None) -> None:
        from django.contrib.auth import get_user_model

        get_user_model().objects.create_user("eve")
        eve = (
            Person("eve").opens("start").picks("sms").registers("202 555 0149").types_the_code("+12025550149")
        )
        theirs = Device.objects.get(user=sam.user, kind="phone_number")
        eve.opens(f"/2fa/change/{theirs.pk}/")
        assert eve.is_at("devices")
        eve.posts(f"/2fa/change/{theirs.pk}/register/", country_code="US", phone_number="202 555 0147")
        assert values(sam) == [PHONE, EMAIL]

    def test_a_changed_device_keeps_its_name(self, pat: Person) -> None:
        Device.objects.update(name="work")
        pk = Device.objects.get().pk
        proven(pat).opens(f"/2fa/change/{pk}/").picks("sms").registers("202 555 0147").types_the_code(NEW)
        assert Device.objects.get().name == "work"

    def test_a_step_without_a_proof_leads_to_the_start_page(self, pat: Person) -> None:
        pk = Device.objects.get().pk
        for step in ("start", "register"):
            assert pat.opens(f"/2fa/change/{pk}/{step}/").is_at("start")
            pat.posts(f"/2fa/change/{pk}/{step}/", country_code="US", phone_number="202 555 0147")
            assert pat.is_at("start")
        assert values(pat) == [PHONE]

    @override_settings(TWILIO_2FA_ALLOW_CHANGE=False)
    def test_changing_without_allow_change_is_an_error(self, pat: Person) -> None:
        proven(pat).opens("change")
        assert pat.page.context["error_code"] == "change_not_allowed"

    def test_a_code_to_the_new_number_verifies_no_other_session(self, pat: Person) -> None:
        pk = Device.objects.get().pk
        proven(pat).opens(f"/2fa/change/{pk}/").picks("sms").registers("202 555 0147")
        other = Person("pat")
        other.opens("start").picks("sms")
        other.types(messages.last_code(NEW))
        assert not other.is_verified


class TestRemove:
    def page(self, kind: str = "phone_number") -> str:
        return f"/2fa/remove/{Device.objects.get(kind=kind).pk}/"

    def test_removing_asks_for_a_proof_and_a_confirmation(self, sam: Person) -> None:
        sam.opens("devices")
        [href] = [d["remove_href"] for d in sam.page.context["devices"] if "XXX-0143" in d["masked"]]
        assert href == self.page()
        assert f'href="{href}"' in sam.page.content.decode()
        sam.opens(href)
        assert sam.is_at("start")
        sam.picks("sms").types_the_code()
        assert sam.path == href
        assert "Remove (XXX) XXX-0143" in sam.text
        assert "You will not be able to get codes with it." in sam.text
        assert values(sam) == [PHONE, EMAIL]
        sam.posts()
        assert sam.is_at("devices")
        assert values(sam) == [EMAIL]
        assert "Removed: (XXX) XXX-0143" in sam.text

    def test_removing_without_a_proof_leads_to_one_and_back(self, sam: Person, later: Any) -> None:
        proven(sam).opens(self.page())
        later(601)
        sam.posts()
        assert sam.is_at("start")
        assert values(sam) == [PHONE, EMAIL]
        assert sam.picks("sms").types_the_code().path == self.page()
        assert values(sam) == [PHONE, EMAIL]

    def test_a_form_of_an_earlier_template_opens_the_removal_page(self, sam: Person) -> None:
        proven(sam).posts("devices", action="remove", device=str(Device.objects.get(kind="email").pk))
        assert sam.path == self.page("email")
        assert values(sam) == [PHONE, EMAIL]

    def test_removing_leads_back_to_next(self, sam: Person) -> None:
        sam.opens(f"{self.page()}?next=/secret/").picks("sms").types_the_code()
        assert sam.page.context["leave_href"] == "/secret/"
        assert sam.posts().path == "/secret/"
        assert values(sam) == [EMAIL]

    def test_removing_a_device_twice_is_not_an_error(self, sam: Person) -> None:
        page = self.page()
        proven(sam).opens(page).posts()
        assert sam.posts(page).is_at("devices")
        assert sam.opens(page).is_at("devices")

    def test_a_device_of_somebody_else_cannot_be_removed(self, sam: Person, demo: Person) -> None:
        page = self.page()
        demo.opens("start").picks("sms").registers("202 555 0147").types_the_code(NEW)
        assert demo.opens(page).is_at("devices")
        assert demo.posts(page).is_at("devices")
        assert values(sam) == [PHONE, EMAIL]

    def test_the_last_device_stays_if_verification_is_required(self, pat: Person) -> None:
        # The page says so before it asks for a proof.
        assert [d["removable"] for d in pat.opens("devices").page.context["devices"]] == [False]
        for verb in (pat.opens, pat.posts):
            verb(self.page())
            assert pat.path == self.page()
            assert "Add another way before you remove this one." in pat.text
            assert "btn-danger" not in pat.page.content.decode()
            assert pat.page.context["add_href"] == "/2fa/add/"
        proven(pat).posts(self.page())
        assert pat.path == self.page()
        assert values(pat) == [PHONE]

    def test_the_last_device_can_be_removed_if_optional(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        proven(pat).opens(self.page())
        assert "This is the only way you get codes." in pat.text
        assert pat.posts().is_at("devices")
        assert values(pat) == []

    def test_the_remove_page_warns_about_the_last_device_only(self, sam: Person) -> None:
        proven(sam).opens(self.page())
        assert "Add another way before you remove this one" not in sam.text
        sam.posts()
        assert "Add another way before you remove this one" in sam.opens(self.page("email")).text

    @override_settings(TWILIO_2FA_ALLOW_CHANGE=False)
    def test_removing_without_allow_change_is_refused(self, sam: Person) -> None:
        for verb in (proven(sam).opens, sam.posts):
            verb(self.page())
            assert sam.is_at("devices")
            assert "cannot change how you get codes here" in sam.text
        assert values(sam) == [PHONE, EMAIL]

    def test_recovery_codes_are_removed_with_the_last_device(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
        settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
        proven(pat).posts("/2fa/add/start/", method="recovery").posts().posts(saved="on")
        pat.opens(self.page("phone_number"))
        assert "This is removed too: Recovery codes" in pat.text
        pat.posts()
        assert "Removed: Recovery codes" in pat.text
        assert not Device.objects.exists()

    @override_settings(TWILIO_2FA_ALLOWED_METHODS=["sms", "recovery"])
    def test_recovery_codes_do_not_count_as_another_device(self, pat: Person) -> None:
        proven(pat).posts("/2fa/add/start/", method="recovery").posts().posts(saved="on")
        assert "Add another way before you remove this one" in pat.posts(self.page("phone_number")).text
        pat.opens(self.page("recovery")).posts()
        assert [d.kind for d in Device.objects.all()] == ["phone_number"]

    def test_a_removed_device_does_not_verify(self, sam: Person) -> None:
        other = Person("sam")
        other.opens("start").picks("sms")
        Device.objects.filter(kind="phone_number").delete()
        other.types_the_code()
        assert not other.is_verified


class TestName:
    def names(self, person: Person, name: str, device: Any = None) -> Person:
        pk = device or Device.objects.get(user=person.user, kind="phone_number").pk
        if person.verifier.fresh_proof() is None and person.verifier.registered():
            person.opens("start").picks("email").types_the_code(EMAIL)
        return person.posts("devices", action="rename", device=str(pk), name=name)

    def test_the_name_of_a_device_is_shown_instead_of_the_number(self, sam: Person) -> None:
        self.names(sam, "  My   <b>phone</b> ")
        assert sam.is_at("devices")
        assert "Name changed to My &lt;b&gt;phone&lt;/b&gt;" in sam.page.content.decode()
        assert str(Device.objects.get(kind="phone_number")) == "My <b>phone</b>"

    def test_an_empty_name_shows_the_number_again(self, sam: Person) -> None:
        self.names(self.names(sam, "My phone"), "")
        assert "Name changed to (XXX) XXX-0143" in sam.text

    @pytest.mark.parametrize("name", ["x" * 65, "a\0b", "a\u202eb", "\x1b[2J"])
    def test_an_invalid_name_is_refused(self, sam: Person, name: str) -> None:
        self.names(sam, name)
        assert "did not understand that request" in sam.text
        assert Device.objects.get(kind="phone_number").name == ""
        with pytest.raises(errors.MalformedRequest):
            Verifier(sam.user).rename(str(Device.objects.get(kind="phone_number").pk), name)
        with pytest.raises(errors.MalformedRequest):
            Verifier(get_user_model().objects.create_user("new")).send("sms", to=NEW, name=name)

    def test_another_users_device_cannot_be_named(self, sam: Person, demo: Person) -> None:
        self.names(demo, "Mine", Device.objects.get(kind="phone_number").pk)
        assert Device.objects.get(kind="phone_number").name == ""

    @override_settings(TWILIO_2FA_ALLOW_CHANGE=False)
    def test_naming_without_allow_change_is_refused(self, sam: Person) -> None:
        self.names(sam, "Mine")
        assert Device.objects.get(kind="phone_number").name == ""
        assert not any(d["nameable"] for d in sam.page.context["devices"])


class TestDurationOfAVerification:
    def test_a_verification_holds_for_the_session(self, pat: Person, later: Any) -> None:
        proven(pat)
        later(24 * 3600)
        assert pat.is_verified

    def test_a_verification_does_not_hold_in_another_session(self, pat: Person) -> None:
        proven(pat)
        assert not Person("pat").is_verified

    def test_a_verification_does_not_hold_after_a_log_out(self, pat: Person) -> None:
        proven(pat)
        pat.client.logout()
        pat.client.force_login(pat.user)
        assert not pat.is_verified

    def test_a_verification_does_not_hold_for_the_browsers_next_user(self, pat: Person, demo: Person) -> None:
        proven(pat)
        pat.client.force_login(demo.user)
        pat.client.get("/2fa/start/")
        assert not pat.is_verified

    def test_a_verification_does_not_hold_after_a_password_change(self, pat: Person) -> None:
        proven(pat)
        pat.user.set_password("another")
        pat.user.save()
        pat.client.force_login(pat.user)
        assert not pat.is_verified

    @pytest.mark.parametrize("cached", [True, False])
    def test_a_session_that_outlives_a_password_change_is_unverified(self, pat: Person, cached: bool) -> None:
        proven(pat)
        pat.user.set_password("another")
        pat.user.save()
        session = pat.client.session
        session[HASH_SESSION_KEY] = pat.user.get_session_auth_hash()
        if not cached:
            del session["twilio_2fa"]["verified"]
        session.save()
        assert pat.client.get("/").wsgi_request.user == pat.user
        assert not pat.is_verified

    def test_a_verification_holds_no_longer_than_max_age(self, pat: Person, later: Any) -> None:
        from datetime import timedelta

        from django_twilio_2fa.session import is_verified

        proven(pat)
        request = pat.client.get("/").wsgi_request
        assert is_verified(request, max_age=60)
        assert is_verified(request, max_age=timedelta(minutes=1))
        Verification.objects.update(
            approved_at=Verification.objects.get().approved_at - timedelta(seconds=61)
        )
        session = pat.client.session
        del session["twilio_2fa"]["verified"]
        session.save()
        request = pat.client.get("/").wsgi_request
        assert is_verified(request)
        assert not is_verified(request, max_age=60)

    def test_a_verification_survives_a_changed_secret_key(self, pat: Person, settings: Any) -> None:
        proven(pat)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another one"
        assert pat.is_verified
