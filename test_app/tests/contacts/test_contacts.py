"""Phone numbers and e-mail addresses: parsing, validation and masking."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa import errors
from django_twilio_2fa.contacts import EmailAddress, PhoneNumber, as_contact, countries


class TestPhoneNumber:
    def test_phone_number_has_the_attributes_of_0_32(self) -> None:
        number = PhoneNumber("202 555 0143", "US", carrier_type="mobile")
        assert str(number) == number.phone_number == number.e164_format == "+12025550143"
        assert number.country_code == "US"
        assert number.national_format == "(202) 555-0143"
        assert number.international_format == "+1 202-555-0143"
        assert number.obfuscated == "(XXX) XXX-0143"
        assert (number.carrier_type, number.verified) == ("mobile", False)

    def test_a_number_with_a_plus_has_its_own_country(self) -> None:
        assert PhoneNumber("+44 7400 123456", "US").country_code == "GB"
        assert PhoneNumber("+1 416 555 0123", "US").country_code == "CA"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "911",
            "555-0143",
            "+1 202 555 0143 ext",
            "+1 202 555 0143 ext 9x",
            "+1 202 555 0143 ext 12345678",
            "202 555 014O",
            "1" * 500,
        ],
    )
    def test_text_that_is_not_a_number_is_refused(self, text: str) -> None:
        with pytest.raises(errors.InvalidPhoneNumber):
            PhoneNumber(text, "US")

    def test_the_repr_of_a_phone_number_is_masked(self) -> None:
        assert repr(PhoneNumber("+12025550143")) == "<PhoneNumber (XXX) XXX-0143>"

    @given(st.text(max_size=60), st.sampled_from(["US", "GB", "DE", "", "xx"]))
    def test_any_text_gives_a_valid_number_or_our_error(self, text: str, region: str) -> None:
        try:
            number = PhoneNumber(text, region)
        except errors.InvalidPhoneNumber:
            return
        assert phonenumbers.is_valid_number(phonenumbers.parse(str(number)))

    @given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from([0, 1, 2]))
    def test_the_mask_shows_the_last_four_digits_and_no_more(self, region: str, kind: int) -> None:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            return
        number = PhoneNumber(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
        digits = "".join(c for c in number.national_format if c.isdigit())
        assert "".join(c for c in number.obfuscated if c.isdigit()) == digits[-4:]


class TestEmailAddress:
    @pytest.mark.parametrize(
        ("address", "mask"),
        [
            ("sam@example.com", "sXX@eXXXXXX.com"),
            ("t@e.org", "t@e.org"),
            ("first.last@mail.example.co", "fXXXX.XXXX@mXXX.XXXXXXX.co"),
        ],
    )
    def test_the_mask_shows_first_letters_and_the_top_level_domain(self, address: str, mask: str) -> None:
        assert EmailAddress(address).obfuscated == mask

    def test_the_domain_of_an_address_is_lowercased(self) -> None:
        assert str(EmailAddress(" Sam@EXAMPLE.com ")) == "Sam@example.com"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "sam",
            "@",
            "sam@",
            "a@b\ncc: c@d.com",
            "a@b.com\r\nBcc: x@y.z",
            "a@b.com\0",
            "a" * 300 + "@b.com",
            "a b@c.de",
        ],
    )
    def test_text_that_is_not_an_address_is_refused(self, text: str) -> None:
        with pytest.raises(errors.BadUserData):
            EmailAddress(text)

    @given(st.text(max_size=80) | st.emails())
    def test_any_text_gives_a_one_line_address_or_our_error(self, text: str) -> None:
        try:
            address = EmailAddress(text)
        except errors.BadUserData:
            return
        assert str(address).isprintable()
        assert len(str(address)) <= 254


class TestCallbackValues:
    @pytest.mark.parametrize("value", ["+12025550143", PhoneNumber("+12025550143")])
    def test_callbacks_may_return_strings_or_our_types(self, value: Any) -> None:
        assert str(as_contact("phone_number", value)) == "+12025550143"

    @pytest.mark.parametrize("value", [None, ""])
    def test_an_empty_callback_value_gives_no_contact(self, value: Any) -> None:
        assert as_contact("email", value) is None


class TestCountries:
    @pytest.mark.parametrize(
        ("language", "name"),
        [("en", "Germany"), ("de", "Deutschland"), ("fr", "Allemagne"), ("xx", "Germany")],
    )
    def test_country_names_are_in_the_users_language(self, language: str, name: str) -> None:
        with translation.override(language):
            assert countries(["DE"], []) == [("DE", name, 49)]

    def test_allowed_countries_less_disallowed_are_sorted_by_name(self) -> None:
        assert [code for code, _name, _calling in countries(["US", "de", "FR", "CA"], ["ca"])] == [
            "FR",
            "DE",
            "US",
        ]

    def test_without_allowed_countries_all_but_disallowed_are_given(self) -> None:
        assert len(countries(None, ["US"])) == len(phonenumbers.SUPPORTED_REGIONS) - 1
