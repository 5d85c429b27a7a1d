"""Emails to the owner of an account about added, changed and removed devices."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from django_twilio_2fa.models import Device

from ..helpers import connected
from ..pages.test_templates import with_templates
from ..people import EMAIL, PHONE, Person

NEW = "+12025550147"


def has_mail(person: Person) -> Person:
    person.user.email = "owner@example.org"
    person.user.save()
    return person


def only_email() -> Any:
    """Return the only email that was sent, and empty the outbox."""
    [found] = mail.outbox
    mail.outbox.clear()
    assert found.to == ["owner@example.org"]
    return found


def proven(person: Person, method: str = "sms", to: str = PHONE) -> Person:
    return person.opens("start").picks(method).types_the_code(to)


def test_the_user_gets_an_email_about_the_first_device(demo: Person) -> None:
    # An attacker who only knows the password can register the first device.
    has_mail(demo).opens("start").picks("sms").registers().types_the_code()
    found = only_email()
    assert found.subject == "A new way to get codes was added to your account"
    assert "Hello demo," in found.body
    assert "Phone number: (XXX) XXX-0143" in found.body
    assert "If this was not you, change your password" in found.body


def test_the_user_gets_an_email_about_an_added_device(pat: Person) -> None:
    proven(has_mail(pat)).opens("/2fa/add/").picks("email").posts(email=EMAIL)
    assert mail.outbox == []
    pat.types_the_code(EMAIL)
    assert "Email address: sXX@eXXXXXX.com" in only_email().body


def test_the_email_about_a_change_has_the_old_and_new_value(pat: Person) -> None:
    Device.objects.update(name="Work")
    proven(has_mail(pat)).opens("change").picks("sms").registers(NEW).types_the_code(NEW)
    found = only_email()
    assert found.subject == "A way to get codes was changed on your account"
    assert "Old: Phone number: Work, (XXX) XXX-0143" in found.body
    assert "New: Phone number: (XXX) XXX-0147" in found.body


def test_the_user_gets_an_email_about_a_removal(sam: Person) -> None:
    proven(has_mail(sam), "email", EMAIL)
    sam.posts(f"/2fa/remove/{Device.objects.get(kind='phone_number').pk}/")
    found = only_email()
    assert found.subject == "A way to get codes was removed from your account"
    assert "Phone number: (XXX) XXX-0143" in found.body


def test_the_email_about_a_removal_names_removed_recovery_codes(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    settings.TWILIO_2FA_ALLOW_REMOVE_LAST = True
    proven(has_mail(pat)).posts("/2fa/add/start/", method="recovery").posts().posts(saved="on")
    assert "\nRecovery codes\n" in only_email().body
    pat.posts(f"/2fa/remove/{Device.objects.get(kind='phone_number').pk}/")
    body = only_email().body
    assert "Phone number: (XXX) XXX-0143\nRecovery codes\n" in body


def test_the_email_about_a_new_address_goes_to_the_old_address(pat: Person, settings: Any) -> None:
    # Otherwise only the attacker who has set the new address would get the email.
    from django_twilio_2fa.signals import twilio_2fa_set_user_data

    def keeps(user: Any, value: Any, **kwargs: Any) -> None:
        user.email = str(value)
        user.save()

    settings.TWILIO_2FA_EMAIL_CB = lambda user: user.email
    proven(has_mail(pat)).opens("/2fa/change/email/")
    with connected(twilio_2fa_set_user_data, keeps):
        pat.posts(email="thief@example.com").types_the_code("thief@example.com")
    pat.user.refresh_from_db()
    assert pat.user.email == "thief@example.com"
    assert "New: Email address: tXXXX@eXXXXXX.com" in only_email().body


@pytest.mark.parametrize("again", [PHONE, None])
def test_no_email_is_sent_if_nothing_changed(pat: Person, again: str | None) -> None:
    proven(has_mail(pat))
    if again:
        pat.opens("/2fa/add/").picks("call").registers(again).types_the_code(again)
        assert pat.is_at("devices")
    else:
        pat.posts(f"/2fa/remove/{Device.objects.get().pk}/")
    assert mail.outbox == []


def test_no_email_is_sent_without_notify_owner(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_NOTIFY_OWNER = False
    proven(has_mail(sam)).opens("/2fa/add/").picks("sms").registers(NEW).types_the_code(NEW)
    sam.posts(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
    assert Device.objects.count() == 2
    assert mail.outbox == []


def test_a_registration_survives_a_broken_email_template(demo: Person, settings: Any, caplog: Any) -> None:
    with_templates(settings, {"twilio_2fa/email/added.txt": "{% nonsense %}"})
    assert has_mail(demo).opens("/secret/").picks("sms").registers().types_the_code().path == "/secret/"
    assert mail.outbox == []
    assert "could not be sent: TemplateSyntaxError" in caplog.text
