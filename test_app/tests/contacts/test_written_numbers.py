"""Phone numbers as phones, chat apps and people write them. Each is read as the one right number."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import PhoneNumber, as_contact
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages

from ..people import Person

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPES = phonenumbers.PhoneNumberType
MOBILE = (TYPES.MOBILE, TYPES.FIXED_LINE_OR_MOBILE)
INVISIBLE = "\u200e\u200f\u202a\u202c\u2066\u2069\u200b\u00ad\ufeff"
SPACES = "\u00a0\u202f\u2009\t "
DASHES = "\u2010\u2011\u2013\u2212-"


def e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def examples(kinds: Any) -> list[tuple[str, phonenumbers.PhoneNumber]]:
    found = [(r, phonenumbers.example_number_for_type(r, kind)) for r in REGIONS for kind in kinds]
    return [(region, number) for region, number in found if number is not None]


MOBILES = examples([TYPES.MOBILE])


def like(number: phonenumbers.PhoneNumber, dice: random.Random) -> phonenumbers.PhoneNumber | None:
    """Return a valid mobile number that begins as the example does, or None."""
    text = e164(number)
    kept = dice.randint(len(str(number.country_code)) + 2, len(text))
    other = phonenumbers.parse(text[:kept] + "".join(dice.choice("0123456789") for _ in text[kept:]))
    fine = phonenumbers.is_valid_number(other) and phonenumbers.number_type(other) in MOBILE
    return other if fine else None


class TestDecoration:
    @pytest.mark.parametrize(
        "text",
        [
            "tel:+1-202-555-0143",
            "TEL:+12025550143",
            "tel:%2B1%20202%20555%200143",
            "sms:+12025550143",
            "\u202a+1 (202) 555\u20110143\u202c",
            "+\u202a1 202 555 0143\u202c",
            "\u200e+1\u202f202\u2009555\t0143",
            "\uff0b1 202 555 0143",
            "1 202 555 0143",
        ],
    )
    def test_a_number_is_read_in_the_forms_that_apps_show(self, text: str) -> None:
        assert str(PhoneNumber(text, "US")) == "+12025550143"

    def test_an_extension_in_a_link_is_read(self) -> None:
        number = PhoneNumber("tel:+1-202-555-0143;ext=\u200e12")
        assert (str(number), number.extension) == ("+12025550143", "12")

    @pytest.mark.parametrize(
        "text", ["tel:", "tel:x", "tel:tel:+12025550143", "fax:+12025550143", "tel:+1%00"]
    )
    def test_a_link_without_a_valid_number_is_refused(self, text: str) -> None:
        with pytest.raises(errors.InvalidPhoneNumber):
            PhoneNumber(text, "US")

    @given(st.sampled_from(MOBILES), st.data())
    def test_decoration_does_not_change_the_number(self, example: Any, data: Any) -> None:
        region, number = example
        style = data.draw(st.sampled_from([0, 1, 3]))
        text = phonenumbers.format_number(number, style).removeprefix("tel:")
        text = "".join(data.draw(st.sampled_from(SPACES)) if c == " " else c for c in text)
        text = "".join(data.draw(st.sampled_from(DASHES)) if c == "-" else c for c in text)
        for _ in range(data.draw(st.integers(0, 5))):
            at = data.draw(st.integers(0, len(text)))
            text = text[:at] + data.draw(st.sampled_from(INVISIBLE)) + text[at:]
        link = data.draw(st.sampled_from(["", "tel:", "Tel:", "sms:"]))
        chosen = data.draw(st.sampled_from([region, "US", ""]))
        assert str(PhoneNumber(link + text, chosen)) == e164(number)

    @given(st.text("+0123456789 ()-./" + INVISIBLE, max_size=40), st.sampled_from(REGIONS))
    def test_a_parsed_number_has_the_digits_that_were_entered(self, text: str, region: str) -> None:
        try:
            number = PhoneNumber(text, region)
        except errors.InvalidPhoneNumber:
            return
        typed = "".join(str(unicodedata.decimal(c)) for c in text if c.isdigit())
        assert phonenumbers.is_valid_number(phonenumbers.parse(str(number)))
        # Only the last digits: prefixes differ, and a few number plans add or leave out digits.
        last = min(6, len(typed))
        assert typed[-last:] == str(number)[-last:]


SECOND_FORMS = [
    ("MX", "+52 1 55 1234 5678", "+525512345678"),
    ("MX", "1 55 1234 5678", "+525512345678"),
    ("MX", "521 55 1234 5678", "+525512345678"),
    ("MX", "52 55 1234 5678", "+525512345678"),
    ("MX", "044 55 1234 5678", "+525512345678"),
    ("MX", "045 55 1234 5678", "+525512345678"),
    ("AR", "+54 9 11 2345-6789", "+5491123456789"),
    ("AR", "+54 11 15 2345-6789", "+5491123456789"),
    ("AR", "+54 9 11 15 2345-6789", "+5491123456789"),
    ("AR", "011 15-2345-6789", "+5491123456789"),
    ("BR", "+55 11 6123-4567", "+5511961234567"),
    ("BR", "(11) 6123-4567", "+5511961234567"),
    ("IT", "+39 (0)335 123 4567", "+393351234567"),
    ("IT", "0335 1234567", "+393351234567"),
    ("CI", "+225 01 23 45 67", "+2250101234567"),
    ("CI", "+225 05 23 45 67", "+2250505234567"),
    ("CI", "+225 78 23 45 67", "+2250778234567"),
    ("CI", "07 23 45 67", "+2250707234567"),
    ("BJ", "+229 97 01 12 34", "+2290197011234"),
    ("BJ", "90 01 12 34", "+2290190011234"),
]


class TestSecondForms:
    @pytest.mark.parametrize(("region", "text", "number"), SECOND_FORMS)
    def test_both_forms_of_a_number_give_the_same_number(self, region: str, text: str, number: str) -> None:
        if not phonenumbers.is_valid_number(phonenumbers.parse(number)):
            pytest.skip("this release of phonenumbers does not know the new form")
        assert str(PhoneNumber(text, region)) == number
        assert PhoneNumber(text, region) == PhoneNumber(number)
        assert PhoneNumber(text, region).number_type in ("mobile", "fixed_line_or_mobile")

    @pytest.mark.parametrize(
        "text",
        [
            "+52 1 55 1234 567",
            "+52 2 55 1234 5678",
            "+55 11 3123-4567 8",
            "+225 21 23 45 6",
            "+229 21 31 23",
            "+39 0999",
        ],
    )
    def test_a_form_that_no_numbering_plan_has_is_refused(self, text: str) -> None:
        with pytest.raises(errors.InvalidPhoneNumber):
            PhoneNumber(text)

    def test_an_italian_landline_is_not_read_as_a_mobile_number(self) -> None:
        assert str(PhoneNumber("+39 (0)312 345 6789")) == "+3903123456789"

    def test_a_valid_number_is_not_changed(self) -> None:
        for _region, number in examples(range(11)):
            assert str(PhoneNumber(e164(number))) == e164(number)

    @pytest.mark.parametrize("value", ["+5215512345678", "+525512345678"])
    def test_both_forms_from_a_callback_give_the_same_number(self, value: str) -> None:
        assert str(as_contact("phone_number", value)) == "+525512345678"

    @pytest.mark.django_db
    def test_a_number_is_registered_once_by_both_forms(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["MX"]
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": "2/d"}
        demo.opens("start").picks("sms").registers("+52 1 55 1234 5678", "MX")
        demo.opens("start").picks("sms").registers("55 1234 5678", "MX")
        assert demo.has_got("+525512345678") == 2
        # Both forms count towards one limit.
        demo.opens("start").picks("sms").registers("+52 1 55 1234 5678", "MX")
        assert demo.has_got("+525512345678") == 2
        demo.opens("verify").types(messages.last_code("+525512345678"))
        assert demo.is_verified
        assert [d.value for d in Device.objects.all()] == ["+525512345678"]

    @pytest.mark.django_db
    def test_a_callback_may_return_the_other_form(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: "+5215512345678"
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["MX"]
        demo.opens("start").picks("sms").types(messages.last_code("+525512345678"))
        assert demo.has_got("+525512345678") == 1


class TestWithoutPlus:
    @pytest.mark.parametrize(
        ("region", "text", "number"),
        [
            ("DE", "4915123456789", "+4915123456789"),
            ("DE", "491701234567", "+491701234567"),
            ("DE", "49 (0)170 1234567", "+491701234567"),
            ("DE", "0170 1234567", "+491701234567"),
            ("ID", "62 812 345 678", "+62812345678"),
            ("XK", "383 43 201 234", "+38343201234"),
            ("GB", "44 7400 123456", "+447400123456"),
            # National mobile numbers that begin with the calling code.
            ("VA", "390 753 7001", "+393907537001"),
            ("MM", "95259568", "+9595259568"),
            # With the trunk prefix, the number is national: a landline.
            ("DE", "04921 123456", "+494921123456"),
        ],
    )
    def test_a_calling_code_is_read_without_its_plus(self, region: str, text: str, number: str) -> None:
        assert str(PhoneNumber(text, region)) == number

    def test_a_number_that_may_be_two_landlines_is_refused(self) -> None:
        with pytest.raises(errors.AmbiguousPhoneNumber) as caught:
            PhoneNumber("4921 1234567", "DE")
        assert caught.value.code == "invalid_phone_number"
        assert "+" in caught.value.display

    @pytest.mark.parametrize("style", ["as it is written", "digits"])
    def test_a_number_in_national_format_is_not_reinterpreted(self, style: str) -> None:
        for region, number in examples(range(11)):
            text = phonenumbers.national_significant_number(number)
            if style != "digits":
                text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            before = phonenumbers.parse(text, region)
            if phonenumbers.is_valid_number(before):
                assert str(PhoneNumber(text, region)) == e164(before)

    def test_a_mobile_number_is_never_read_as_another(self) -> None:
        for region, number in MOBILES:
            dice = random.Random(region)
            for other in [number, *filter(None, (like(number, dice) for _ in range(10)))]:
                try:
                    read = str(PhoneNumber(e164(other)[1:], region))
                except errors.InvalidPhoneNumber:
                    continue
                assert read == e164(other)

    @pytest.mark.django_db
    def test_the_form_asks_for_a_plus_if_a_number_is_ambiguous(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["DE"]
        demo.opens("start").picks("call").registers("4921 1234567", "DE")
        assert "Enter the phone number with + and the country code" in demo.text
        assert messages.delivered() == []


@pytest.mark.django_db
class TestTerritories:
    @pytest.mark.parametrize(
        ("allowed", "country", "phone", "named"),
        [
            ("US", "US", "787 234 5678", "Puerto Rico"),
            ("US", "US", "876 210 1234", "Jamaica"),
            ("GB", "GB", "07797 712345", "Jersey"),
            ("US", "US", "+44 7400 123456", "United Kingdom"),
        ],
    )
    def test_a_refused_country_is_named(
        self, demo: Person, settings: Any, allowed: str, country: str, phone: str, named: str
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = [allowed]
        demo.opens("start").picks("sms").registers(phone, country)
        assert f"We cannot send codes to {named}." in demo.text
        assert messages.delivered() == []

    def test_a_refused_country_is_named_in_the_users_language(self, demo: Person) -> None:
        demo.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
        demo.opens("start").picks("sms").registers("+39 312 345 6789")
        assert "Italien" in demo.text

    def test_an_allowed_territory_is_accepted(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "PR"]
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False
        demo.opens("start").picks("sms").registers("787 234 5678", "US")
        assert demo.has_got("+17872345678") == 1

    def test_a_number_of_no_country_is_refused_with_a_message(self, demo: Person) -> None:
        demo.opens("start").picks("call").registers("+870 301 234 567")
        assert "We cannot send codes to that country." in demo.text

    def test_a_number_of_no_country_is_stored_without_one(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = []
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False
        demo.opens("start").picks("call").registers("+870 301 234 567")
        assert demo.has_got("+870301234567") == 1
        # The column has room for two letters. SQLite does not enforce that.
        assert Verification.objects.get().country == ""
        demo.types_the_code("+870301234567")
        assert demo.is_verified
        stored = Device.objects.get().contact
        assert isinstance(stored, PhoneNumber)
        assert (str(stored), stored.country_code) == ("+870301234567", "")

    def test_the_api_names_a_refused_country(self, demo: Person) -> None:
        answer = demo.client.post(
            "/api/2fa/set-phone-number/", {"phone_number": "+17872345678"}, content_type="application/json"
        )
        assert answer.json()["error_code"] == "phone_country_not_allowed"
        assert answer.json()["data"] == {"country": "Puerto Rico"}
        assert "Puerto Rico" in answer.json()["display"]
