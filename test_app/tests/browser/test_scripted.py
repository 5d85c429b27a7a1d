"""Improvements by the script of the pages, in Chromium. The pages also work without it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from .test_walk import NO_SCRIPT, PHONE, click, code_for, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US", "GB", "GG", "DE", "CA"]
    call_command("demo_users")


def asks_for_a_code(window: Any, method: str = "Text message") -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/?next=/secret/")
    click(window, method)


class TestCompleteCodes:
    def test_a_typed_code_is_sent_once_it_is_complete(self, window: Any) -> None:
        asks_for_a_code(window)
        code = code_for(window, PHONE)
        with window.expect_navigation():
            window.locator("[name=token]").press_sequentially(f"{code[:3]} {code[3:]}")
        assert window.url.endswith("/secret/")

    def test_a_pasted_code_is_sent(self, window: Any) -> None:
        asks_for_a_code(window)
        code = code_for(window, PHONE)
        window.locator("[name=token]").focus()
        with window.expect_navigation():
            window.keyboard.insert_text(f"{code[:3]}-{code[3:]}")
        assert window.url.endswith("/secret/")

    def test_a_code_that_is_not_complete_is_not_sent(self, window: Any) -> None:
        asks_for_a_code(window)
        posts: list[str] = []
        window.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
        window.locator("[name=token]").press_sequentially("12345")
        window.wait_for_timeout(300)
        assert posts == []

    def test_a_code_is_not_sent_if_the_setting_says_no(self, window: Any, settings: Any) -> None:
        settings.TWILIO_2FA_SUBMIT_FULL_CODE = False
        asks_for_a_code(window)
        window.locator("[name=token]").press_sequentially("123456")
        window.wait_for_timeout(300)
        assert window.locator("[name=token]").input_value() == "123456"
        assert not window.get_by_text("We check it as soon as it is complete.").is_visible()

    @pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
    def test_without_scripts_no_automatic_check_is_announced(self, window: Any) -> None:
        asks_for_a_code(window)
        assert not window.get_by_text("We check it as soon as it is complete.").is_visible()
        window.fill("[name=token]", code_for(window, PHONE))
        with window.expect_navigation():
            window.keyboard.press("Enter")
        assert window.url.endswith("/secret/")


# Makes the page believe that the browser can read the code from a text message.
OTP = """code => {
  window.OTPCredential = class {};
  navigator.credentials.get = async options => { window.asked = options.otp.transport; return {code}; };
}"""


def test_a_browser_may_read_the_code_off_the_message(window: Any) -> None:
    sign_in(window, "sam")
    window.context.add_init_script(f"({OTP})('000000')")
    window.goto("/2fa/start/")
    with window.expect_response(lambda r: r.request.method == "POST" and "/verify/" in r.url):
        click(window, "Text message")
    window.get_by_role("alert").filter(has_text="That code is incorrect").wait_for()


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        ("typed", "country"),
        [("+49 30", "DE"), ("+44 7700", "GB"), ("0044 7700", "GB"), ("+1 202", "US"), ("030 12", "US")],
    )
    def test_the_country_follows_a_typed_plus(self, window: Any, typed: str, country: str) -> None:
        sign_in(window, "demo")
        window.goto("/2fa/start/")
        click(window, "Text message")
        window.locator("[name=phone_number]").press_sequentially(typed)
        assert window.locator("[name=country_code]").input_value() == country

    def test_a_chosen_country_with_the_same_code_stays(self, window: Any) -> None:
        sign_in(window, "demo")
        window.goto("/2fa/start/")
        click(window, "Text message")
        window.select_option("[name=country_code]", "CA")
        window.locator("[name=phone_number]").press_sequentially("+1 416")
        assert window.locator("[name=country_code]").input_value() == "CA"


class TestStatus:
    @pytest.mark.parametrize(
        ("method", "button", "sentence"),
        [
            ("Text message", "Send the code again", "You can send the code again now."),
            ("Link by email", "Ask again", "You can ask again now."),
        ],
    )
    def test_the_end_of_the_countdown_is_announced_once(
        self, window: Any, settings: Any, method: str, button: str, sentence: str
    ) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 2
        settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "link"]
        asks_for_a_code(window, method)
        line = window.locator("[role=status][data-says]")
        line.evaluate(
            """e => { window.said = [];
            new MutationObserver(() => e.textContent && window.said.push(e.textContent))
              .observe(e, {childList: true, characterData: true, subtree: true}); }"""
        )
        window.get_by_role("button", name=button, disabled=False).wait_for()
        window.wait_for_timeout(600)
        assert window.evaluate("window.said") == [sentence]

    def test_a_pressed_button_is_busy_and_sends_once(self, window: Any, settings: Any) -> None:
        settings.TWILIO_2FA_SEND_COOLDOWN = 0
        asks_for_a_code(window)
        # The answer never comes.
        window.evaluate(
            """() => { window.sent = 0;
            document.addEventListener("submit", e => {
              if (!e.defaultPrevented) window.sent += 1;
              e.preventDefault();
            }); }"""
        )
        button = window.get_by_role("button", name="Send the code again")
        button.click()
        assert button.get_attribute("aria-disabled") == "true"
        assert window.locator("[role=status][data-says]").inner_text() == "Sending…"
        button.dispatch_event("click")
        assert window.evaluate("window.sent") == 1


def test_a_right_code_can_be_typed_after_a_wrong_code(window: Any) -> None:
    asks_for_a_code(window)
    submit(window, token="000000")
    window.locator("[role=alert]:focus").wait_for()
    window.keyboard.press("Tab")
    window.keyboard.press("Enter")
    window.locator("[name=token]:focus").wait_for()
    code = code_for(window, PHONE)
    with window.expect_navigation():
        window.keyboard.type(code)
    assert window.url.endswith("/secret/")
