"""Settings of methods: providers, allowed methods and displayed names."""

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

    def test_a_provider_of_none_removes_the_method(self, sam: Person, settings: Any) -> None:
        assert "call" in methods_on(sam)
        settings.TWILIO_2FA_PROVIDERS = {"call": None}
        assert methods_on(sam) == ["sms", "whatsapp", "email"]

    def test_the_setting_overrides_an_installed_method(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"email": "demo.pigeon.provider.PigeonProvider"}
        assert "Carrier pigeon to sXX@eXXXXXX.com" in sam.opens("start").text

    def test_an_unimportable_provider_leaves_others_working(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_PROVIDERS = {"call": "nowhere.NoProvider"}
        assert methods_on(sam) == ["sms", "whatsapp", "email"]


@shows("ALLOWED_METHODS")
class TestAllowedMethods:
    @pytest.mark.parametrize("wanted", [["email", "sms"], ("call",), ["whatsapp", "call", "sms"]])
    def test_allowed_methods_are_offered_in_their_order(
        self, sam: Person, settings: Any, wanted: Any
    ) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = wanted
        assert methods_on(sam) == list(wanted)

    def test_a_method_that_is_not_allowed_cannot_be_posted(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = ["email", "call"]
        sam.opens("start").picks("sms")
        assert sam.is_at("start")
        assert "You cannot use that way. Choose another." in sam.text
        assert sam.has_got() == 0

    def test_without_allowed_methods_the_default_ones_are_offered(self, sam: Person, settings: Any) -> None:
        del settings.TWILIO_2FA_ALLOWED_METHODS
        assert methods_on(sam) == ["sms", "call", "email"]

    def test_an_empty_list_of_methods_leaves_no_way_to_verify(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = []
        assert sam.opens("start").is_at("failed")
        assert "You cannot get a code at the moment. Try again later." in sam.text

    def test_allowed_methods_may_depend_on_the_user(self, sam: Person, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOWED_METHODS = lambda user: ["email", "sms" if user == sam.user else "call"]
        assert methods_on(sam) == ["email", "sms"]
        assert methods_on(demo) == ["email", "call"]


@shows("USER_METHODS_CB")
class TestUserMethods:
    def test_user_methods_narrow_the_allowed_methods(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = lambda user: ["pigeon", "email", "call"]
        assert methods_on(sam) == ["call", "email"]

    def test_user_methods_returning_none_allow_every_method(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = lambda user: None
        assert methods_on(sam) == ["sms", "call", "whatsapp", "email"]

    def test_user_methods_may_be_a_dotted_path(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_USER_METHODS_CB = f"{callbacks.HERE}.only_calls"
        assert methods_on(sam) == ["call"]


@shows("METHOD_DETAILS")
def test_method_details_set_label_and_icon(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_METHOD_DETAILS = {"sms": {"label": "SMS", "icon": "fas fa-mobile", "value": "x"}}
    sam.opens("start")
    assert "SMS We text a code to your phone ending 0143." in sam.text
    assert "Text message" not in sam.text
    assert sam.page.context["methods"]["sms"] == {"value": "sms", "label": "SMS", "icon": "fas fa-mobile"}


@shows("METHOD_DISPLAY_CB")
def test_method_display_cb_overrides_details_and_provider(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_METHOD_DETAILS = {"call": {"label": "Ring me"}}
    settings.TWILIO_2FA_METHOD_DISPLAY_CB = f"{callbacks.HERE}.in_a_song"
    sam.opens("start")
    assert "Sung to you We call your phone ending 0143" in sam.text
    assert "Text message We text a code to your phone ending 0143." in sam.text
    shown = sam.page.context["methods"]["call"]
    assert shown == {"value": "call", "label": "Sung to you", "icon": "fas fa-music"}
