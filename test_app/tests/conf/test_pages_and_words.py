"""Settings of redirects, stylesheets, help links and texts of pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from ..people import Person
from . import callbacks
from .shows import shows


@shows("SEND_IMMEDIATELY_ON_SINGLE")
@pytest.mark.parametrize(("at_once", "sent"), [(True, 1), (False, 0), (lambda user: False, 0)])
def test_a_single_choice_is_sent_at_once_or_by_a_button(
    pat: Person, settings: Any, at_once: Any, sent: int
) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    settings.TWILIO_2FA_SEND_IMMEDIATELY_ON_SINGLE = at_once
    pat.navigates("start")
    assert pat.has_got() == sent
    assert pat.is_at("verify" if sent else "start")


@shows("VERIFY_SUCCESS_URL")
class TestSuccessUrl:
    @pytest.mark.parametrize(
        ("url", "goes_to"),
        [("/secret/", "/secret/"), ("home", "/"), (lambda user: f"/?{user.username}", "/")],
    )
    def test_a_verified_user_goes_to_the_success_url(
        self, pat: Person, settings: Any, url: Any, goes_to: str
    ) -> None:
        settings.TWILIO_2FA_VERIFY_SUCCESS_URL = url
        assert pat.opens("start").picks("sms").types_the_code().path == goes_to

    def test_next_overrides_the_success_url(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_VERIFY_SUCCESS_URL = "/"
        assert pat.opens("/secret/").picks("sms").types_the_code().path == "/secret/"

    def test_without_a_success_url_there_is_a_success_page(self, pat: Person) -> None:
        assert pat.opens("start").picks("sms").types_the_code().is_at("success")
        assert "We have checked it is you." in pat.text


@shows("STYLESHEETS")
class TestStylesheets:
    def links(self, person: Person) -> list[str]:
        html = person.opens("start").page.content.decode()
        return [line.strip() for line in html.splitlines() if '<link rel="stylesheet"' in line]

    def test_by_default_stylesheets_come_from_a_cdn_with_hashes(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_STYLESHEETS = None
        *cdn, own = self.links(demo)
        assert [("bootstrap@5" in line, "fontawesome-free@5" in line) for line in cdn] == [(1, 0), (0, 1)]
        assert all('integrity="sha384-' in line and 'crossorigin="anonymous"' in line for line in cdn)
        assert "/static/twilio_2fa/" in own

    @pytest.mark.parametrize(
        ("wanted", "href"),
        [
            (["shop/look.css"], "/static/shop/look.css"),
            (("https://example.com/look.css",), "https://example.com/look.css"),
            (["/look.css"], "/look.css"),
            (lambda request: [f"https://{request.get_host()}/look.css"], "https://testserver/look.css"),
        ],
    )
    def test_stylesheets_can_be_the_sites_own(
        self, demo: Person, settings: Any, wanted: Any, href: str
    ) -> None:
        settings.TWILIO_2FA_STYLESHEETS = wanted
        first, _own = self.links(demo)
        assert first == f'<link rel="stylesheet" href="{href}">'

    def test_a_stylesheet_can_have_a_hash(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_STYLESHEETS = [{"href": "https://example.com/a.css", "integrity": "sha384-abc"}]
        assert 'href="https://example.com/a.css" integrity="sha384-abc" crossorigin' in self.links(demo)[0]

    def test_the_list_of_stylesheets_may_be_empty(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_STYLESHEETS = []
        assert len(self.links(demo)) == 1


@shows("HELP_URL")
class TestHelp:
    def links(self, person: Person) -> list[str]:
        return re.findall(r'<a href="([^"]+)"[^>]*>I lost my phone</a>', person.page.content.decode())

    def test_no_page_links_to_help_by_default(self, sam: Person) -> None:
        assert self.links(sam.opens("start")) == []

    @pytest.mark.parametrize(
        ("wanted", "href"),
        [
            ("/lost/", "/lost/"),
            ("home", "/"),
            (lambda user: f"mailto:{user}@help.test", "mailto:sam@help.test"),
        ],
    )
    def test_help_url_is_linked_in_the_same_place_on_each_page(
        self, sam: Person, settings: Any, wanted: Any, href: str
    ) -> None:
        settings.TWILIO_2FA_HELP_URL = wanted
        for page in (sam.opens("start"), sam.picks("sms"), sam.opens("devices"), sam.opens("success")):
            assert self.links(page) == [href], page.path
            foot = page.page.content.decode().partition("<footer")[2]
            assert "I lost my phone" in foot


@shows("SUBMIT_FULL_CODE")
class TestSubmittingAFullCode:
    MARK = 'data-submit-when-full="6"'

    def test_a_full_code_is_submitted_unless_the_setting_says_no(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
        html = sam.opens("start").picks("sms").page.content.decode()
        assert self.MARK in html
        assert "We check it as soon as it is complete." in sam.text
        settings.TWILIO_2FA_SUBMIT_FULL_CODE = False
        html = sam.opens("verify").page.content.decode()
        assert "data-submit-when-full" not in html
        assert "We check it as soon as it is complete." not in sam.text

    def test_a_page_with_a_checkbox_waits_for_the_button(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        assert "data-submit-when-full" not in sam.opens("start").picks("sms").page.content.decode()


@shows("MESSAGE_DISPLAY_CB")
class TestMessages:
    def test_message_display_cb_gets_the_code_of_each_message(
        self, pat: Person, settings: Any, later: Any
    ) -> None:
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code, user, request: f"[{code}: {user}]"
        pat.opens("start").picks("sms")
        assert "[send_prefix: pat] [send_sms: pat] [send_suffix: pat]" in pat.text
        assert "[incorrect_code: pat] You can try 4 more times." in pat.types_a_wrong_code().text
        later(31)
        assert "[verification_resent: pat]" in pat.posts("verify", action="resend").text
        assert "[verified: pat]" in pat.types_the_code().text

    def test_messages_without_a_custom_text_are_unchanged(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = f"{callbacks.HERE}.in_rhyme"
        pat.opens("start").picks("sms")
        assert "Seek the code sent by text message at (XXX) XXX-0143!" in pat.text
        assert "That code is incorrect. Check it and try again." in pat.types_a_wrong_code().text
        assert "Well done" in pat.types_the_code().text

    def test_stray_braces_in_a_message_are_shown(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code: "{0} {value.x} {"
        assert "{0} {value.x} {" in pat.opens("start").picks("sms").text


@shows("ERROR_DISPLAY")
class TestErrorDisplay:
    @pytest.mark.parametrize("typed", ["wrong", "12"])
    def test_a_sites_own_error_sentence_is_shown(self, pat: Person, settings: Any, typed: str) -> None:
        settings.TWILIO_2FA_ERROR_DISPLAY = {"invalid_verification_code": "Nope."}
        pat.opens("start").picks("sms")
        pat.types_a_wrong_code() if typed == "wrong" else pat.types(typed)
        assert "Nope." in pat.text

    def test_placeholders_in_error_display_are_filled(self, pat: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ERROR_DISPLAY = {"resend_cooldown": "Patience! {can_resend_in} more"}
        pat.opens("start").picks("sms").posts(action="resend")
        assert "Patience! 30 more" in pat.text or "Patience! 29 more" in pat.text

    def test_the_failed_page_shows_error_display(self, demo: Person, settings: Any) -> None:
        settings.TWILIO_2FA_ALLOW_REGISTRATION = False
        settings.TWILIO_2FA_ERROR_DISPLAY = {"registration_not_allowed": "Ask your boss."}
        assert "Ask your boss." in demo.opens("start").text

    @pytest.mark.parametrize("code", ["twilio_error_20503", "twilio_error_{twilio_error}"])
    def test_error_display_matches_a_code_with_or_without_its_value(
        self, sam: Person, settings: Any, code: str
    ) -> None:
        settings.TWILIO_2FA_ERROR_DISPLAY = {code: "Twilio says {twilio_error}."}
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: "+12025550160"
        assert "Twilio says 20503." in sam.opens("start").picks("sms").text


@shows("DEFAULT_ERROR_CODE", "DEFAULT_ERROR_DISPLAY")
class TestErrorWithoutCode:
    @pytest.fixture
    def grumpy(self, pat: Person, settings: Any) -> Person:
        settings.TWILIO_2FA_PROVIDERS = {"grumpy": f"{callbacks.HERE}.Grumpy"}
        settings.TWILIO_2FA_ALLOWED_METHODS = ["grumpy"]
        return pat

    def test_an_error_without_code_has_the_default_code_and_text(self, grumpy: Person) -> None:
        assert grumpy.opens("start").picks("grumpy").is_at("failed")
        assert grumpy.page.context["error_code"] == "2fa_error"
        assert "Sorry, there is a problem. Try again." in grumpy.text

    def test_the_default_code_and_text_can_be_set(self, grumpy: Person, settings: Any) -> None:
        settings.TWILIO_2FA_DEFAULT_ERROR_CODE = "shop_trouble"
        settings.TWILIO_2FA_DEFAULT_ERROR_DISPLAY = "The shop is in trouble."
        assert grumpy.opens("start").picks("grumpy").page.context["error_code"] == "shop_trouble"
        assert "The shop is in trouble." in grumpy.text
