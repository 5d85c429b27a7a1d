"""Names, numbers and addresses among words: shown where they are needed, and in their own order."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.utils import translation

from django_twilio_2fa.models import Device
from django_twilio_2fa.process.wording import isolated

from .people import EMAIL, PHONE, Person

FSI, PDI = "\u2068", "\u2069"
NUMBER = "(XXX) XXX-0143"


def in_hebrew(person: Person) -> Person:
    person.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "he"
    return person


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("en", NUMBER, NUMBER),
        ("en", "\u05d1\u05d9\u05ea (2)", f"{FSI}\u05d1\u05d9\u05ea (2){PDI}"),
        ("he", NUMBER, FSI + NUMBER + PDI),
        ("ar", EMAIL, FSI + EMAIL + PDI),
        ("he", "", ""),
    ],
)
def test_marks_are_put_where_directions_meet(language: str, text: str, shown: str) -> None:
    with translation.override(language):
        assert isolated(text) == shown


def test_each_sentence_of_a_page_isolates_what_is_filled_in(sam: Person) -> None:
    in_hebrew(sam).opens("start")
    assert f"to {FSI}{NUMBER}{PDI}" in sam.text
    sam.picks("sms")
    assert f"to {FSI}{NUMBER}{PDI}." in sam.text
    # What a template shows by itself is plain.
    assert sam.page.context["obfuscated_value"] == NUMBER
    sam.types_the_code()
    sam.opens("/2fa/add/").picks("sms").registers("202 555 0147").types_the_code("+12025550147")
    assert f"Registered: {FSI}(XXX) XXX-0147{PDI}" in sam.text
    assert f"<bdi>{NUMBER}</bdi>" in sam.page.content.decode()
    device = Device.objects.get(value=PHONE)
    sam.posts("devices", action="rename", device=str(device.pk), name="Work")
    assert f"It is called {FSI}Work{PDI} now." in sam.text
    sam.opens(f"/2fa/change/{device.pk}/").picks("sms")
    assert f"<bdi>{NUMBER}</bdi>" in sam.page.content.decode()
    sam.opens(f"/2fa/remove/{device.pk}/").posts()
    assert f"No longer registered: {FSI}Work{PDI}" in sam.text


def test_a_mail_isolates_them_too(sam: Person) -> None:
    sam.user.email = "owner@example.org"
    sam.user.save()
    in_hebrew(sam).opens("start").picks("sms").types_the_code()
    sam.posts(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
    assert f"{FSI}sXX@eXXXXXX.com{PDI}" in mail.outbox[-1].body


def test_the_api_says_them_plain(sam: Person) -> None:
    answer = in_hebrew(sam).client.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
    assert f"to {NUMBER}." in answer.json()["display"]
    assert FSI not in answer.content.decode()


def test_a_device_is_offered_by_its_name_as_well(sam: Person) -> None:
    Device.objects.filter(kind="phone_number").update(name="Work")
    sam.opens("start")
    assert f"Text message to Work, {NUMBER}" in sam.text
    assert "E-mail to sXX@eXXXXXX.com" in sam.text
    [choice] = [c for c in sam.page.context["choices"] if c["method"] == "sms"]
    assert (choice["name"], choice["detail"]) == ("Work", NUMBER)


def test_two_devices_of_a_kind_are_told_apart_by_their_names(sam: Person, later: Any) -> None:
    Device.objects.filter(kind="phone_number").update(name="Old phone")
    sam.opens("start").picks("sms").types_the_code()
    sam.opens("/2fa/add/").picks("sms").registers("202 555 0147").types_the_code("+12025550147")
    Device.objects.filter(name="", kind="phone_number").update(name="New phone")
    shown = Person("sam").opens("start").text
    assert "Phone call to Old phone, (XXX) XXX-0143" in shown
    assert "Phone call to New phone, (XXX) XXX-0147" in shown
