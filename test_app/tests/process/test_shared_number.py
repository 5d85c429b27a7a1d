"""Two accounts with one phone: the second user only sees that the code has expired or has been used."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages

from ..people import EMAIL, PHONE, Person

SAID = "This code has expired or has been used. Send a new one."


@pytest.fixture
def others(db: None, settings: Any) -> list[Person]:
    """Return two people without devices, with no limit of unproven sends to one number."""
    settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": None}
    return [Person(get_user_model().objects.create_user(name).username) for name in ("ann", "bob")]


def test_the_expired_page_sends_a_new_code_at_sign_in(pat: Person, sam: Person) -> None:
    for person in (pat, sam):
        person.opens("/secret/").picks("sms")
    code = messages.last_code(PHONE)
    assert pat.types(code).path == "/secret/"
    sam.types(code)
    assert sam.page.status_code == 200
    assert SAID in sam.text
    assert "pat" not in sam.text
    assert "another" not in sam.text.replace("Try another way", "")
    sam.presses_the_button()
    assert sam.is_at("verify")
    assert messages.last_code(PHONE) != code
    assert sam.types_the_code().path == "/secret/"


@pytest.mark.parametrize(
    ("method", "form", "to"),
    [
        ("sms", {"country_code": "US", "phone_number": "202 555 0143"}, PHONE),
        ("call", {"country_code": "CA", "phone_number": "+1 202 555 0143 ext. 22"}, PHONE),
        ("email", {"email": EMAIL}, EMAIL),
    ],
)
def test_the_expired_page_keeps_the_number_while_registering(
    others: list[Person], method: str, form: dict[str, str], to: str
) -> None:
    for person in others:
        person.opens("/secret/").picks(method).posts(**form)
    first, second = others
    code = messages.last_code(to)
    assert first.types(code).path == "/secret/"
    second.types(code)
    assert SAID in second.text
    # The page holds the destination, and the session does not.
    assert to not in str(dict(second.client.session))
    second.presses_the_button()
    assert second.is_at("verify")
    assert second.types_the_code(to).path == "/secret/"
    assert [d.data for d in Device.objects.all()] == [{"extension": "22"} if "ext" in str(form) else {}] * 2


def test_a_used_code_and_an_expired_code_have_the_same_text(pat: Person, sam: Person, later: Any) -> None:
    for person in (pat, sam):
        person.opens("start").picks("sms")
    code = messages.last_code(PHONE)
    pat.types(code)
    used = sam.types(code).text
    sam.presses_the_button()
    later(601)
    assert sam.types_the_code().text == used


def test_the_expired_page_sends_a_new_code_in_add_and_change(
    pat: Person, others: list[Person], no_cooldown: None
) -> None:
    pat.opens("start").picks("sms").types_the_code()
    number = "+12025550147"
    for path in ("/2fa/add/", f"/2fa/change/{Device.objects.get().pk}/"):
        pat.opens(path).picks("sms").registers(number)
        other = others.pop().opens("start").picks("sms").registers(number).types_the_code(number)
        assert other.is_verified
        pat.types("111111" if messages.last_code(number) != "111111" else "222222")
        assert SAID in pat.text
        pat.presses_the_button()
        assert pat.path == f"{path}verify/"
        pat.posts(action="cancel")
