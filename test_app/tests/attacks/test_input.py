"""Threat: input of users, of Twilio or of the site's own code breaks or abuses a page.

Tokens, numbers and addresses of any kind; headers smuggled into an address; HTML in every displayed string.
"""

from __future__ import annotations

import html
import unicodedata
from typing import Any

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_twilio_2fa.models import Counter, Device, Status, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxMessage
from django_twilio_2fa.tokens import LONGEST_INPUT

from ..people import EMAIL, PHONE, Person
from ..test_tokens import BETWEEN, DIGITS
from .scene import NO_SEND_LIMITS, checks, newest, sends

through_pages = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
ALLOWED = {"US", "CA", "GB", "DE", "FR"}
ZEROS = {unicodedata.name(c).rpartition(" DIGIT ")[0]: c for c in DIGITS if unicodedata.decimal(c) == 0}
ANY_TEXT = st.text(max_size=200) | st.text(st.characters(codec="utf-8", categories=["Cc", "Cf", "Zs", "Nd"]))
ODD_DIGITS = st.text(st.sampled_from([*DIGITS, *BETWEEN, *"+().,/;#*"]), max_size=70)


@pytest.fixture(autouse=True)
def sends_are_free(settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {
        **NO_SEND_LIMITS,
        "lookups_per_user": None,
        "wrong_tokens_per_session": None,
        "wrong_tokens_per_user": None,
        "wrong_tokens_in_a_row": None,
    }
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


class TestTokens:
    @pytest.fixture
    def asked(self, pat: Person) -> Person:
        return pat.opens("start").picks("sms")

    @pytest.mark.parametrize("script", sorted(ZEROS))
    def test_tokens_may_have_digits_of_any_script_spaces_and_dashes(self, asked: Person, script: str) -> None:
        code = messages.last_code(PHONE)
        own = [chr(ord(ZEROS[script]) + int(d)) for d in code]
        asked.types(f" {''.join(own[:3])} - {''.join(own[3:])} ")
        assert asked.is_verified

    @pytest.mark.parametrize("between", BETWEEN)
    def test_characters_pasted_between_digits_are_ignored(self, asked: Person, between: str) -> None:
        asked.types(between + between.join(messages.last_code(PHONE)) + between)
        assert asked.is_verified

    @pytest.mark.parametrize(
        "typed",
        [
            "9" * 10_000,
            "\u0669" * 10_000,
            " " * 10_000,
            "\0",
            "{code}\0",
            "\0{code}",
            "{code}.0",
            "{code}e0",
            "+{code}",
            "0x{code}",
            "{code}0",
            "0{code}",
            "{code},{code}",
            "\u2460\u2461\u2462\u2463\u2464\u2465",
            "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d",
            "\U0001f600" * 6,
            "' OR 1=1 --",
            "../../Verifications",
            "%00",
            "{code}&Status=approved",
        ],
        ids=range(20),
    )
    def test_text_that_is_not_a_token_never_reaches_twilio(self, asked: Person, typed: str) -> None:
        typed = typed.replace("{code}", messages.last_code(PHONE))
        asked.page = asked.client.post("/2fa/verify/", {"token": typed}, follow=True)
        assert asked.is_at("verify")
        assert not asked.is_verified
        assert checks() == 0
        assert newest(asked).attempts == 0

    def test_bytes_that_are_not_text_are_refused(self, asked: Person) -> None:
        for body in (b"token=%ff%fe", b"token=\xff\xfe\x00", b"token=%ED%A0%80", b"\x00" * 50, b"token"):
            kind = "application/x-www-form-urlencoded"
            answer = asked.client.post("/2fa/verify/", body, content_type=kind, follow=True)
            assert answer.status_code == 200
        for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
            assert asked.client.post("/2fa/verify/", b"{}", content_type=kind).status_code < 500
        assert checks() == 0

    @through_pages
    @given(typed=ANY_TEXT | ODD_DIGITS)
    def test_any_text_as_token_is_answered_by_the_page(self, asked: Any, typed: str) -> None:
        # Only text with six digits counts as an attempt.
        row = newest(asked)
        Verification.objects.filter(pk=row.pk).update(attempts=0)
        answer = asked.client.post("/2fa/verify/", {"token": typed})
        assert answer.status_code in (200, 302)
        digits = sum(unicodedata.decimal(c, None) is not None for c in typed)
        looks_right = digits >= 6 and len(typed) <= LONGEST_INPUT
        assert Verification.objects.get(pk=row.pk).attempts in ((0, 1) if looks_right else (0,))


EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (0, 1, 3, 4, 6)
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
]
# One number for each country of the number itself: a few islands share numbers with their mainland.
FOREIGN = sorted(
    {
        region: typed
        for typed in EXAMPLES
        if (region := phonenumbers.region_code_for_number(phonenumbers.parse(typed))) not in ALLOWED
    }.values()
)
NUMBERS = (
    st.sampled_from(EXAMPLES)
    | st.from_regex(r"[+0-9 ().\-]{1,40}", fullmatch=True)
    | st.tuples(st.sampled_from(EXAMPLES), ANY_TEXT).map("".join)
    | st.tuples(st.sampled_from(["00", "011", "+", "tel:", "+1", "(+44)", "\uff0b"]), ODD_DIGITS).map("".join)
    | ANY_TEXT
)
COUNTRIES = st.sampled_from([*sorted(ALLOWED), "IT", "XX", "", "us", "001", "ZZ"]) | st.text(max_size=5)


class TestNumbersAndAddresses:
    """No input causes a server error, or a message to a destination that is not allowed."""

    @pytest.fixture
    def asked(self, demo: Person) -> Person:
        return demo.opens("start").picks("sms")

    @through_pages
    @given(number=NUMBERS, country=COUNTRIES)
    def test_any_number_gets_a_page_and_only_allowed_ones_a_code(
        self, asked: Any, number: str, country: str
    ) -> None:
        SandboxMessage.objects.all().delete()
        asked.client.post("/2fa/start/", {"method": "sms"})
        answer = asked.client.post("/2fa/register/", {"country_code": country, "phone_number": number})
        assert answer.status_code in (200, 302)
        for message in SandboxMessage.objects.all():
            to = phonenumbers.parse(message.to)
            assert phonenumbers.region_code_for_number(to) in ALLOWED
            assert phonenumbers.is_valid_number(to)
            assert phonenumbers.number_type(to) != phonenumbers.PhoneNumberType.PREMIUM_RATE
        Verification.objects.update(status=Status.CANCELED, pending_key=None)

    @pytest.mark.parametrize("numbers", [FOREIGN[n::20] for n in range(20)], ids=range(20))
    def test_a_country_that_is_not_allowed_gets_no_code(self, asked: Person, numbers: list[str]) -> None:
        # Some of these countries share a calling code with an allowed country.
        for typed in numbers:
            region = phonenumbers.region_code_for_number(phonenumbers.parse(typed))
            for form in ((typed, "US"), (typed, region), ("00" + typed[1:], "DE")):
                asked.client.post("/2fa/register/", {"country_code": form[1], "phone_number": form[0]})
        assert sends() == 0
        assert not Counter.objects.exists(), "the country is checked before the limits"

    @through_pages
    @given(address=st.emails() | ANY_TEXT | st.tuples(st.emails(), ANY_TEXT).map("".join))
    def test_no_address_breaks_the_page_or_adds_a_recipient(self, asked: Any, address: str) -> None:
        SandboxMessage.objects.all().delete()
        asked.client.post("/2fa/start/", {"method": "email"})
        answer = asked.client.post("/2fa/register/", {"email": address})
        assert answer.status_code in (200, 302)
        for message in SandboxMessage.objects.all():
            assert message.to.isprintable()
            assert not set(message.to) & set(' ,;:<>"()[]\\')
            assert message.to.count("@") == 1
        Verification.objects.update(status=Status.CANCELED, pending_key=None)

    @pytest.mark.parametrize(
        "address",
        [
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\nBcc: b@example.com",
            "a@example.com%0d%0aBcc:b@example.com",
            "a@example.com,b@example.com",
            "a@example.com;b@example.com",
            "a@example.com b@example.com",
            "<a@example.com>",
            "A <a@example.com>",
            '"a\r\nBcc: b@example.com"@example.com',
            '"a@example.com,b"@example.com',
            "a@example.com\u2028Bcc: b@example.com",
            "a@example.com\x0bBcc: b@example.com",
            "a@example.com\0",
            "a@[127.0.0.1]",
            "a@localhost",
            "a\u202e@example.com",
            "=?utf-8?q?a?=@example.com, b@example.com",
        ],
        ids=range(17),
    )
    def test_an_address_cannot_add_headers_or_recipients(self, demo: Person, address: str) -> None:
        demo.opens("start").picks("email").posts(email=address)
        for message in SandboxMessage.objects.all():
            assert message.to == "a@localhost"
        assert demo.page.status_code == 200

    def test_the_mail_about_a_lock_has_one_recipient_and_one_subject(
        self, pat: Person, settings: Any, mailoutbox: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
        pat.user.first_name = "Pat\r\nBcc: eve@example.com"
        pat.user.email = "pat@example.com"
        pat.user.save()
        pat.opens("start").picks("sms").types_a_wrong_code()
        (mail,) = mailoutbox
        assert mail.recipients() == ["pat@example.com"]
        assert "\n" not in mail.subject

    def test_an_invalid_account_address_does_not_prevent_a_lock(
        self, pat: Person, settings: Any, mailoutbox: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
        pat.user.email = "pat@example.com\r\nBcc: eve@example.com"
        pat.user.save()
        pat.opens("start").picks("sms").types_a_wrong_code()
        assert pat.page.status_code == 200
        assert mailoutbox == []
        assert pat.opens("start").picks("sms").is_at("failed")

    @pytest.mark.parametrize("field", ["method", "device", "verification", "action", "country_code"])
    @pytest.mark.parametrize(
        "text", ["\0", "x" * 100_000, "../../admin", "\u202e", "%s%n", "{0}", "{self.__class__}", "é" * 64]
    )
    def test_nothing_in_a_hidden_field_breaks_a_page(self, pat: Person, field: str, text: str) -> None:
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("start").picks("call")
        pat.opens("/2fa/add/").picks("sms")
        remove = f"/2fa/remove/{Device.objects.get().pk}/"
        # The buttons of each page. Each `text` is also tried as an unknown action.
        buttons = {
            "start": ["", "skip"],
            "verify": ["", "resend", "cancel"],
            "register": ["", "skip"],
            "failed": [""],
            "devices": ["", "remove", "rename"],
            "/2fa/add/start/": ["", "skip"],
            remove: [""],
        }
        for path, actions in buttons.items():
            for action in [text] if field == "action" else actions:
                told = {"token": "000000", "action": action, field: text}
                assert pat.posts(path, **told).page.status_code == 200

    @pytest.mark.parametrize("device", ["%00", "..%2f..", "é", "x" * 2000, "%0d%0a", "phone_number", "<b>"])
    def test_nothing_in_the_address_of_a_device_breaks_a_page(self, pat: Person, device: str) -> None:
        pat.opens("start").picks("sms").types_the_code()
        for step in ("", "start/", "register/", "verify/", "success/", "failed/"):
            for verb in ("get", "post"):
                answer = getattr(pat.client, verb)(f"/2fa/change/{device}/{step}", {"method": "sms"})
                assert answer.status_code in (200, 302, 404)
                assert "\n" not in answer.get("Location", "")

    def test_requests_for_unknown_devices_do_not_fill_the_session(self, pat: Person) -> None:
        pat.opens("start")
        before = len(str(dict(pat.client.session)))
        for n in range(20):
            for step in ("start", "register", "verify", "success", "failed"):
                pat.client.post(f"/2fa/change/{n}/{step}/", {"action": "retry"})
                pat.client.get(f"/2fa/change/{n}/{step}/")
        assert len(str(dict(pat.client.session))) < before + 500


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def is_escaped(page: Any) -> bool:
    text = page.content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    return "alert(1)" in text


class TestHTML:
    """HTML in every string that users, the site's own code or Twilio supply."""

    def test_html_in_form_values_is_escaped(self, pat: Person, demo: Person) -> None:
        demo.opens("start").picks("sms").registers(EVIL)
        assert is_escaped(demo.page)
        demo.opens("start").picks("email").posts(email=EVIL)
        assert is_escaped(demo.page)
        demo.posts("register", email=f'"{EVIL}"@example.com')
        is_escaped(demo.page)
        demo.posts("register", country_code=EVIL, phone_number="1")
        is_escaped(demo.page)
        pat.opens("start").posts("start", method=EVIL, device=EVIL)
        is_escaped(pat.page)
        # A token is never shown again.
        pat.opens("start").picks("sms").types(EVIL)
        assert not is_escaped(pat.page)
        pat.posts("verify", token="1", verification=EVIL)
        assert not is_escaped(pat.page)

    def test_html_in_an_email_address_is_escaped(self, demo: Person) -> None:
        # `&` and `'` are valid in an address.
        demo.opens("start").picks("email").posts(email="&'b@example.com")
        shown = Verification.objects.get().masked
        assert shown.startswith("&")
        assert html.escape(shown) in demo.page.content.decode()

    def test_html_in_next_is_escaped_in_links(self, pat: Person) -> None:
        for page in ("start", "devices", "success", "verify"):
            pat.opens(f"{pat.url(page)}?next=/%22%3E{EVIL.replace('<', '%3C')}")
            is_escaped(pat.page)

    def test_html_in_names_of_devices_is_escaped(self, sam: Person) -> None:
        Device.objects.update(name=EVIL, masked=EVIL)
        assert is_escaped(sam.opens("devices").page)
        assert is_escaped(sam.opens("start").page)
        is_escaped(sam.picks("sms").page)
        phone = Device.objects.get(kind="phone_number")
        sam.opens("start").posts("start", method="email")
        sam.types_the_code(EMAIL)
        is_escaped(sam.opens(f"/2fa/change/{phone.pk}/register/").page)
        assert is_escaped(sam.opens(f"/2fa/remove/{phone.pk}/").page)
        assert is_escaped(sam.posts().page)

    def test_html_in_names_is_escaped_in_the_admin(self, pat: Person, django_user_model: Any) -> None:
        Device.objects.update(name=EVIL, masked=EVIL)
        django_user_model.objects.filter(pk=pat.user.pk).update(username=EVIL)
        django_user_model.objects.create_superuser("boss")
        boss = Person("boss")
        pk = Device.objects.get().pk
        for path in ("", f"{pk}/change/", f"{pk}/delete/", f"?q={EVIL}"):
            assert is_escaped(boss.opens(f"/admin/twilio_2fa/device/{path}").page)

    @pytest.mark.parametrize(
        "name",
        [
            "METHOD_DISPLAY_CB",
            "MESSAGE_DISPLAY_CB",
            "ERROR_DISPLAY",
            "DEFAULT_ERROR_DISPLAY",
            "SERVICE_NAME",
            "STYLESHEETS",
        ],
    )
    def test_html_in_strings_of_the_sites_code_is_escaped(
        self, pat: Person, settings: Any, name: str
    ) -> None:
        # A site may build these strings from input of its users.
        from django_twilio_2fa.errors import ERRORS

        told: Any = {
            "METHOD_DISPLAY_CB": lambda **kwargs: {"label": EVIL, "icon": EVIL},
            "MESSAGE_DISPLAY_CB": lambda **kwargs: EVIL,
            "ERROR_DISPLAY": dict.fromkeys(ERRORS, EVIL),
            "DEFAULT_ERROR_DISPLAY": EVIL,
            "SERVICE_NAME": EVIL,
            "STYLESHEETS": [EVIL],
        }[name]
        setattr(settings, f"TWILIO_2FA_{name}", told)
        pages = [pat.opens("start").page, pat.picks("sms").page, pat.types("1").page]
        pages += [pat.types_a_wrong_code().page, pat.posts("verify", action="resend").page]
        pages += [pat.opens("/sandbox/").page]
        pages += [pat.opens("verify").types_the_code().page, pat.opens("devices").page]
        pages += [pat.opens("/2fa/add/").page, pat.picks("sms").page, pat.registers("1").page]
        pages += [pat.registers("+39 312 345 6789").page]
        seen = [is_escaped(page) for page in pages]
        assert any(seen) or name == "DEFAULT_ERROR_DISPLAY"

    def test_twilios_own_words_are_not_shown_at_all(self, pat: Person, twilio_over_http: Any) -> None:
        for fault in ("60200", "60410", "20003", "html-200", "html-502", "429"):
            twilio_over_http.does(fault, on="Verifications", seconds=0.1)
            pat.opens("start").posts("start", method="sms")
            text = pat.page.content.decode()
            is_escaped(pat.page)
            for own in ("Invalid parameter", "Fraud", "Authenticate", "<title>502", "twilio.com", "20003"):
                assert own not in text
            twilio_over_http.is_well()

    def test_braces_in_a_sites_sentence_are_not_a_format_string(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda **kwargs: "{user.password}{0.__class__}{request}"
        pat.opens("start").picks("sms")
        assert pat.user.password not in pat.page.content.decode()
        Device.objects.update(masked="{user.password}{value}")
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = None
        assert pat.user.password not in pat.opens("start").picks("sms").page.content.decode()
