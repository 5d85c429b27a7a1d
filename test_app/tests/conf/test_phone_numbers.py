"""Settings that decide which phone numbers are accepted."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Device

from ..people import Person
from .shows import shows

# Numbers for which the lookup of the sandbox answers with these line types.
MOBILE, LANDLINE, VOIP, UNKNOWN, LOOKUP_FAILS = (f"202 555 01{n}" for n in (43, 56, 51, 52, 55))
CANADIAN = "+1 416 555 0143"


def registers(person: Person, phone: str, method: str = "call") -> bool:
    """Register a number. Return whether a code was sent to the number."""
    return person.opens("start").picks(method).registers(phone).is_at("verify")


def countries_on(person: Person) -> list[str]:
    return [code for code, _name in person.page.context["form"].fields["country_code"].choices]


@shows("PHONE_NUMBER_DEFAULT_REGION")
@pytest.mark.parametrize("region", ["GB", lambda user: "GB"])
def test_the_default_region_is_chosen_at_first(demo: Person, settings: Any, region: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_DEFAULT_REGION = region
    demo.opens("start").picks("sms")
    assert '<option value="GB" selected>United Kingdom (+44)</option>' in demo.page.content.decode()


@shows("PHONE_NUMBER_ALLOWED_COUNTRIES")
class TestAllowedCountries:
    def test_only_allowed_countries_can_be_chosen_and_registered(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["DE", "us"]
        demo.opens("start").picks("sms")
        assert countries_on(demo) == ["DE", "US"]
        assert not registers(demo, "+44 7400 123456")
        assert "We cannot send codes to United Kingdom." in demo.text
        assert registers(demo, "+49 1512 3456789")

    @pytest.mark.parametrize("every", [[], None])
    def test_without_a_list_every_country_is_allowed(self, demo: Person, settings: Any, every: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = every
        demo.opens("start").picks("sms")
        assert len(countries_on(demo)) > 200
        assert registers(demo, "+44 7400 123456")

    def test_a_device_of_another_country_is_sent_nothing(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = lambda user: ["DE"]
        assert [method for method, _detail in sam.opens("start").choices] == ["email"]
        assert sam.picks("sms").is_at("start")
        assert sam.has_got() == 0


@shows("PHONE_NUMBER_DISALLOWED_COUNTRIES")
def test_disallowed_countries_are_taken_off_the_allowed(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_DISALLOWED_COUNTRIES = ["GB", "de"]
    demo.opens("start").picks("sms")
    assert countries_on(demo) == ["CA", "FR", "US"]
    assert not registers(demo, "+44 7400 123456")
    assert "We cannot send codes to United Kingdom." in demo.text


@shows("PHONE_NUMBER_CARRIER_LOOKUP", "PHONE_NUMBER_ALLOWED_CARRIER_TYPES")
class TestCarrierTypes:
    @pytest.mark.parametrize("phone", [LANDLINE, VOIP])
    def test_by_default_a_number_has_to_be_mobile(self, demo: Person, phone: str) -> None:
        assert not registers(demo, phone)
        assert demo.is_at("register")
        assert "This is not a mobile number. Enter a mobile number." in demo.text
        assert registers(demo, MOBILE)

    @pytest.mark.parametrize("phone", [LANDLINE, VOIP])
    def test_without_lookup_any_number_is_accepted(self, demo: Person, settings: Any, phone: str) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP = False
        assert registers(demo, phone)

    @pytest.mark.parametrize("types", [["mobile", "landline"], lambda user: ["landline"]])
    def test_carrier_types_of_the_setting_are_accepted(self, demo: Person, settings: Any, types: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_CARRIER_TYPES = types
        assert not registers(demo, VOIP)
        assert "We cannot send codes to this type of number (voip)." in demo.text
        assert registers(demo, LANDLINE)
        demo.types_the_code("+12025550156")
        assert Device.objects.get().line_type == "landline"

    @pytest.mark.parametrize("every", [[], None])
    def test_an_empty_list_accepts_all_line_types(self, demo: Person, settings: Any, every: Any) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_CARRIER_TYPES = every
        assert registers(demo, VOIP)


@shows("PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY")
@pytest.mark.parametrize("phone", [UNKNOWN, LOOKUP_FAILS])
@pytest.mark.parametrize("bypass", [True, False])
def test_a_number_of_unknown_line_type_is_accepted_if_allowed(
    demo: Person, settings: Any, phone: str, bypass: bool
) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_BYPASS_CARRIER_ON_EMPTY = bypass
    assert registers(demo, phone) is bypass
    assert ("We cannot send codes to this type of number (unknown)." in demo.text) is not bypass


@shows("HAS_CLNPC_PERMISSION")
@pytest.mark.parametrize("permitted", [True, False])
def test_canadian_numbers_are_looked_up_only_with_permission(
    demo: Person, settings: Any, permitted: bool
) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_CARRIER_TYPES = ["landline"]
    settings.TWILIO_2FA_HAS_CLNPC_PERMISSION = permitted
    assert registers(demo, CANADIAN) is not permitted
    assert ("We cannot send codes to this type of number (mobile)." in demo.text) is permitted
