"""Which methods there are, which may be used, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from ..people import EMAIL, Person
from . import callbacks
from .shows import shows


def methods_on(person: Person, page: str = "start") -> list[str]:
    return [method for method, _detail in person.opens(page).choices]


@shows("PROVIDERS")
class TestProviders:
    def test_a_method_of_the_projects_own_is_offered_and_works(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"pigeon": "demo.pigeon.provider.PigeonProvider"}
        settings.TWILIO_2FA_ALLOWED_METHODS = ["pigeon"]
        sam.opens("start")
        assert "Carrier pigeon to sXX@eXXXXXX.com" in sam.text
        sam.picks("pigeon")
        (sent,) = mail.outbox
        assert sent.to == [EMAIL]
        sam.types("".join(c for c in sent.body if c.isdigit()))
        assert sam.is_verified

    def test_none_removes_a_method(self, sam: Person, settings: Any) -> None:
        assert "call" in methods_on(sam)
        settings.TWILIO_2FA_PROVIDERS = {"call": None}
        assert methods_on(sam) == ["sms", "whatsapp", "email"]

    def test_it_wins_over_an_installed_method_of_that_name(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"email": "demo.pigeon.provider.PigeonProvider"}
        assert "Carrier pigeon to sXX@eXXXXXX.com" in sam.opens("start").text

    def test_one_that_cannot_be_imported_costs_itself_only(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"call": "nowhere.NoProvider"}
        assert methods_on(sam) == ["sms", "whatsapp", "email"]


@shows("ALLOWED_METHODS")
class TestAllowedMethods:
    @pytest.mark.parametrize("wanted", [["email", "sms"], ("call",), ["whatsapp", "call", "sms"]])
    def test_only_they_are_offered_in_their_order(self, sam: Person, settings: Any, wanted: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = wanted
        assert methods_on(sam) == list(wanted)

    def test_a_method_that_is_not_among_them_cannot_be_posted(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["email", "call"]
        sam.opens("start").picks("sms")
        assert sam.is_at("start")
        assert "This method cannot be used." in sam.text
        assert sam.has_got() == 0

    def test_unset_it_means_all_that_are_on_by_default(self, sam: Person, settings: Any) -> None:
        del settings.TWILIO_2FA_ALLOWED_METHODS
        assert methods_on(sam) == ["sms", "call", "email"]

    def test_none_at_all_leaves_no_way_to_verify(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        assert sam.opens("start").is_at("failed")
        assert "There is no way to verify your account at the moment." in sam.text

    def test_it_may_depend_on_the_user(self, sam: Person, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = lambda user: ["email", "sms" if user == sam.user else "call"]
        assert methods_on(sam) == ["email", "sms"]
        assert methods_on(demo) == ["email", "call"]


@shows("USER_METHODS_CB")
class TestUserMethods:
    def test_it_narrows_the_allowed_ones(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = lambda user: ["pigeon", "email", "call"]
        assert methods_on(sam) == ["call", "email"]

    def test_none_means_all(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = lambda user: None
        assert methods_on(sam) == ["sms", "call", "whatsapp", "email"]

    def test_by_its_path(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = f"{callbacks.HERE}.only_calls"
        assert methods_on(sam) == ["call"]


@shows("METHOD_DETAILS")
def test_details_name_and_picture_a_method(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_METHOD_DETAILS = {"sms": {"label": "SMS", "icon": "fas fa-mobile", "value": "x"}}
    sam.opens("start")
    assert "SMS to (XXX) XXX-0143" in sam.text
    assert "Text message" not in sam.text
    assert sam.page.context["methods"]["sms"] == {"value": "sms", "label": "SMS", "icon": "fas fa-mobile"}


@shows("METHOD_DISPLAY_CB")
def test_the_display_callback_wins_over_details_and_provider(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_METHOD_DETAILS = {"call": {"label": "Ring me"}}
    settings.TWILIO_2FA_METHOD_DISPLAY_CB = f"{callbacks.HERE}.in_a_song"
    sam.opens("start")
    assert "Sung to you to (XXX) XXX-0143" in sam.text
    assert "Text message to (XXX) XXX-0143" in sam.text
    shown = sam.page.context["methods"]["call"]
    assert shown == {"value": "call", "label": "Sung to you", "icon": "fas fa-music"}
