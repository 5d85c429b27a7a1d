"""Whatever is typed into a form: an answer in words, never a fault, nor a message to where none may go."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..people import EMAIL, PHONE, Person
from .starts import rolled_back

DIGITS = {
    "arabic": "٠١٢٣٤٥٦٧٨٩",
    "persian": "۰۱۲۳۴۵۶۷۸۹",
    "devanagari": "०१२३४५६७८९",
    "bengali": "০১২৩৪৫৬৭৮৯",
    "thai": "๐๑๒๓๔๕๖๗๘๙",
    "full width": "".join(chr(0xFF10 + n) for n in range(10)),
    "mathematical": "".join(chr(0x1D7CE + n) for n in range(10)),
}


@pytest.mark.parametrize("script", DIGITS)
def test_a_code_typed_in_another_script_is_right(pat: Person, script: str) -> None:
    pat.opens("start").picks("sms")
    pat.types("".join(DIGITS[script][int(d)] for d in messages.last_code(PHONE)))
    assert pat.is_verified


@pytest.mark.parametrize(
    "form", ["{0}{1}{2} {3}{4}{5}", "{0}-{1}-{2}-{3}-{4}-{5}", " {0}{1}{2}\u00a0{3}{4}{5}\n"]
)
def test_spaces_and_dashes_do_not_count(pat: Person, form: str) -> None:
    pat.opens("start").picks("sms")
    assert pat.types(form.format(*messages.last_code(PHONE))).is_verified


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "12345",
        "1234567",
        "abcdef",
        "12345x",
        "½23456",
        "²³⁴⁵⁶⁷",
        "1" * 10_000,
        "123\x00456",
        "'; --",
        "٪" * 6,
    ],
)
def test_what_cannot_be_a_code_is_said_and_costs_no_try(pat: Person, token: str) -> None:
    pat.opens("start").picks("sms").types(token)
    assert pat.page.status_code == 200
    assert pat.is_at("verify")
    assert pat.page.context["form"].errors["token"]
    assert SandboxVerification.objects.get().checks == 0
    assert pat.types_the_code().is_verified


# Where the examples of a property begin; each is rolled back to it.


@pytest.fixture
def verifying(pat: Person) -> Person:
    return pat.opens("start").picks("sms")


@pytest.fixture
def registering(demo: Person) -> Person:
    return demo.opens("start").picks("sms")


@pytest.fixture
def registering_email(demo: Person) -> Person:
    return demo.opens("start").picks("email")


@given(token=st.text(max_size=40) | st.text("0123456789 -\u2013\u00a0\x00", max_size=20))
def test_whatever_is_typed_as_a_token_is_answered(verifying: Any, token: str) -> None:
    with rolled_back():
        assert verifying.posts("verify", token=token).page.status_code == 200


ALLOWED = ("US", "DE")
REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))


@st.composite
def numbers(draw: Any) -> tuple[str, str]:
    """A country and what might be typed as a number: valid ones of every kind, and noise."""
    region = draw(REGIONS)
    kinds = [
        getattr(phonenumbers.PhoneNumberType, k) for k in ("MOBILE", "FIXED_LINE", "PREMIUM_RATE", "PAGER")
    ]
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from(kinds)))
    text = draw(st.text(max_size=30) | st.text("+0123456789 ()-.x", max_size=30))
    if example is not None and draw(st.booleans()):
        style = draw(
            st.sampled_from([phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL])
        )
        text = phonenumbers.format_number(example, style)
    return draw(st.sampled_from([*ALLOWED, region, "", "ZZ"])), text


@given(typed=numbers())
def test_whatever_is_typed_as_a_number_no_message_goes_to_a_country_that_is_not_allowed(
    registering: Any, settings: Any, typed: tuple[str, str]
) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = list(ALLOWED)
    country, number = typed
    with rolled_back():
        answer = registering.posts("register", country_code=country, phone_number=number).page
        assert answer.status_code == 200
        for sent in messages.delivered():
            parsed = phonenumbers.parse(sent["to"])
            assert phonenumbers.region_code_for_number(parsed) in ALLOWED
            assert phonenumbers.number_type(parsed) != phonenumbers.PhoneNumberType.PREMIUM_RATE
        if not messages.delivered():
            assert not Verification.objects.filter(sends__gt=0).exists()


@given(
    typed=st.emails()
    | st.text(max_size=80)
    | st.tuples(st.text(max_size=30), st.text(max_size=30)).map("@".join)
)
def test_whatever_is_typed_as_an_address_is_answered(registering_email: Any, typed: str) -> None:
    with rolled_back():
        assert registering_email.posts("register", email=typed).page.status_code == 200
        for sent in messages.delivered():
            assert sent["to"].isprintable()
            assert sent["to"].count("@") == 1 or '"' in sent["to"]


@pytest.mark.parametrize(
    "address",
    [
        "sam@example.com\r\nBcc: all@example.com",
        "sam@example.com\nSubject: x",
        "sam@example.com%0aBcc:x@example.com",
        "sam@example.com,other@example.com",
        "sam@example.com;other@example.com",
        '"Sam" <sam@example.com>',
        "sam@example.com\x00",
        "sam@exa\u2028mple.com",
        "<script>alert(1)</script>@example.com",
        "a" * 65 + "@example.com",
        "sam@" + "a" * 300 + ".com",
    ],
)
def test_an_address_that_would_be_two_or_a_header_is_refused(demo: Person, address: str) -> None:
    demo.opens("start").picks("email").posts("register", email=address)
    assert demo.page.status_code == 200
    assert not messages.delivered()
    assert not mail.outbox
    assert "<script>" not in demo.page.content.decode()


HTML = "<img src=x onerror=alert(1)>\"'&"


def test_html_in_every_string_is_text(sam: Person, settings: Any) -> None:
    """In what a user, a site or Twilio supplies, on every page."""
    settings.TWILIO_2FA_METHOD_DISPLAY_CB = lambda method: {"label": f"{method} {HTML}", "icon": HTML}
    settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code: f"{code} {HTML}"
    settings.TWILIO_2FA_ERROR_DISPLAY = {
        code: f"{code} {HTML}"
        for code in ("twilio_error_{twilio_error}", "invalid_verification_code", "verification_expired")
    }
    settings.TWILIO_2FA_SERVICE_NAME = HTML
    Device.objects.update(name=HTML)
    get_user_model().objects.filter(pk=sam.user.pk).update(username="sam")
    sam.opens("start")
    pages = [sam.page]
    for step in (
        lambda: sam.picks("sms"),
        lambda: sam.types(HTML),
        lambda: sam.types_a_wrong_code(),
        lambda: sam.posts("verify", action="resend"),
        lambda: sam.opens(f"/2fa/verify/?next={HTML}"),
        lambda: sam.opens("devices"),
        lambda: sam.posts("start", method=HTML, device=HTML),
        lambda: sam.posts("devices", action=HTML, device=HTML),
        lambda: sam.opens(f"/2fa/change/{HTML}/"),
    ):
        step()
        pages.append(sam.page)
    for page in pages:
        assert page.status_code in (200, 404)
        assert "<img src=x" not in page.content.decode()
        assert 'onerror=alert(1)>"' not in page.content.decode()


def test_html_in_what_is_typed_into_the_registration_form_is_text(demo: Person) -> None:
    demo.opens("start").picks("sms").posts("register", country_code=HTML, phone_number=HTML)
    assert "<img src=x" not in demo.page.content.decode()
    demo.page = None
    demo.opens("start").picks("email").posts("register", email=HTML)
    assert "<img src=x" not in demo.page.content.decode()


def test_html_in_the_owners_name_is_text_in_the_mail(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_per_user": "1/h"}
    get_user_model().objects.filter(pk=pat.user.pk).update(email=EMAIL, first_name="Pat\nBcc: x@example.com")
    pat.opens("start").picks("sms").types_a_wrong_code()
    [message] = mail.outbox
    assert message.to == [EMAIL]
    assert "\n" not in message.subject
