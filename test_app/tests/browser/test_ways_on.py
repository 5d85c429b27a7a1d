"""Wrong codes and wrong numbers, and the pages that follow them, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.models import Verification

from ..clock import pass_time
from ..helpers import wrong_code
from .test_walk import PHONE, click, code_for, looks_as_it_should, sign_in, submit, users

__all__ = ["users"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = [
    pytest.param(
        {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}, id=f"{width}-{scheme}"
    )
    for width in (390, 1280)
    for scheme in ("light", "dark")
]


def asks_for_a_code(window: Any, choice: str = "Text message") -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, choice)


def test_the_field_is_empty_after_a_wrong_code(window: Any) -> None:
    asks_for_a_code(window)
    submit(window, token=wrong_code(code_for(window, PHONE)))
    code = code_for(window, PHONE)
    window.bring_to_front()
    # The error summary has the focus. Its link leads to the field.
    window.locator("[role=alert]:focus").wait_for()
    window.keyboard.press("Tab")
    window.keyboard.press("Enter")
    window.locator("[name=token]:focus").wait_for()
    assert window.input_value("[name=token]") == ""
    with window.expect_navigation():
        window.keyboard.type(code)
    assert "/2fa/success/" in window.url


def test_a_reload_after_a_wrong_code_uses_up_no_attempt(window: Any) -> None:
    asks_for_a_code(window)
    submit(window, token=wrong_code(code_for(window, PHONE)))
    for _ in range(2):
        window.reload()
        assert "You can try 4 more times" in window.inner_text("main")
    assert Verification.objects.get().attempts == 1


def test_the_back_button_never_asks_to_resubmit_a_form(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    click(window, "Text message")
    submit(window, phone_number="1")
    submit(window, phone_number="(202) 555-0143")
    submit(window, token=wrong_code(code_for(window, PHONE)))
    click(window, "Change phone number")
    for _ in range(4):
        answer = window.go_back()
        assert answer is None or answer.ok
        assert window.locator("main").is_visible()
        assert window.evaluate("performance.getEntriesByType('navigation')[0].type") == "back_forward"


def test_a_number_to_be_corrected_is_kept_in_the_form(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    click(window, "Text message")
    window.select_option("[name=country_code]", "DE")
    submit(window, phone_number="030 901820")
    click(window, "Change phone number")
    assert window.input_value("[name=country_code]") == "DE"
    assert window.input_value("[name=phone_number]") == "030 901820"


def test_a_waiting_button_counts_down_and_becomes_enabled(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 20
    asks_for_a_code(window, "Phone call")
    window.goto("/2fa/start/")
    click(window, "WhatsApp")
    button = window.get_by_role("button", name="WhatsApp to (XXX) XXX-0143")
    assert button.is_disabled()
    assert "(in " in button.inner_text()
    window.locator(".btn-outline-primary[data-countdown]:enabled").wait_for(timeout=30_000)
    assert "(in " not in button.inner_text()
    with window.expect_navigation():
        button.click()
    assert "WhatsApp" in window.inner_text("main")
    assert Verification.objects.get().sends == 2


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_pages_after_failures_look_as_they_should(window: Any, settings: Any, request: Any) -> None:
    settings.TWILIO_2FA_LIMITS = dict.fromkeys(("unproven_sends_per_user", "unproven_sends_per_destination"))
    scheme = request.node.callspec.id.partition("-")[2]

    def looks(name: str) -> None:
        looks_as_it_should(window, f"{name}-{scheme}")

    asks_for_a_code(window)
    submit(window, token=wrong_code(code_for(window, PHONE)))
    looks("wrong")
    window.goto("/2fa/start/")
    click(window, "WhatsApp")
    looks("wished")
    for wait in (31, 41, 61, 91):
        pass_time(wait)
        window.goto("/2fa/verify/")
        with window.expect_navigation():
            window.get_by_role("button", name="Send the code again").click()
        if wait == 41:
            looks("another")
    looks("sends-used-up")
    for _ in range(4):
        submit(window, token=wrong_code(code_for(window, PHONE)))
    assert "/2fa/failed/" in window.url
    looks("failed")
    pass_time(700)
    window.goto("/2fa/start/")
    click(window, "Phone call")
    looks("call")
    submit(window, token=code_for(window, PHONE))
    looks("success")
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "recovery"]
    window.goto("/2fa/add/start/")
    click(window, "Recovery codes")
    if "/register/" in window.url:
        click(window, "Continue")
    looks("codes")
    click(window, "Leave without saving")
    looks("left")
    window.context.clear_cookies()
    settings.TWILIO_2FA_ALLOWED_METHODS = None
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    click(window, "Text message")
    submit(window, phone_number="12")
    looks("register-wrong")
    submit(window, phone_number="202 555 0160")
    looks("unsure")
    window.context.clear_cookies()
    settings.TWILIO_2FA_ALLOWED_METHODS = []
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    looks("blocked")
