"""Walks through the demo in Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from .measures import fits

PHONE = "+12025550143"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = [
    pytest.param({"viewport": {"width": 360, "height": 740}, "color_scheme": "light"}, id="phone-light"),
    pytest.param({"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}, id="desktop-dark"),
]
NO_SCRIPT = [pytest.param({"java_script_enabled": False}, id="no-script")]


@pytest.fixture(autouse=True)
def users(transactional_db: None) -> None:
    call_command("demo_users")


def sign_in(window: Any, name: str) -> None:
    window.goto("/login/")
    window.fill("[name=username]", name)
    window.fill("[name=password]", name)
    with window.expect_navigation():
        window.keyboard.press("Enter")


def click(window: Any, text: str) -> None:
    target = window.locator("button, a").filter(has_text=text).first
    # The other channels of a phone are in a closed <details>.
    folded = window.locator("details:not([open])", has=target)
    if folded.count():
        folded.first.locator("summary").first.click()
    with window.expect_navigation():
        target.click()


def code_for(window: Any, to: str) -> str:
    """Return the last code for a destination, read from the handset in a second tab."""
    tab = window.context.new_page()
    tab.goto(f"/sandbox/?to={to.replace('+', '%2B')}")
    code = str(tab.locator(".code code").first.inner_text())
    tab.close()
    return code


def submit(window: Any, **fields: str) -> None:
    # A complete code is sent without Enter.
    with window.expect_navigation():
        for name, value in fields.items():
            window.fill(f"[name={name}]", value)
        window.keyboard.press("Enter")


def looks_as_it_should(window: Any, name: str) -> None:
    assert fits(window)
    # Set this variable to a folder to save pictures of the pages.
    if folder := os.environ.get("TWILIO_2FA_PICTURES"):
        size = window.viewport_size
        window.screenshot(path=Path(folder) / f"{name}-{size['width']}.png", full_page=True)


@pytest.mark.parametrize("window", SIZES, indirect=True)
@pytest.mark.parametrize(
    ("choice", "to"),
    [("Text message", PHONE), ("Phone call", PHONE), ("WhatsApp", PHONE), ("Email", "demo@example.com")],
)
def test_a_new_user_registers_and_comes_back_to_the_page(window: Any, choice: str, to: str) -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    assert "/2fa/start/" in window.url
    assert fits(window)
    click(window, choice)
    assert fits(window)
    submit(window, **({"email": to} if "@" in to else {"phone_number": "(202) 555-0143"}))
    assert "/2fa/verify/" in window.url
    assert fits(window)
    submit(window, token="1")
    assert "The code must be 6 numbers" in window.get_by_role("alert").inner_text()
    assert fits(window)
    submit(window, token=code_for(window, to))
    assert window.url.endswith("/secret/")


@pytest.mark.parametrize(
    "choice", ["text a code to your phone ending 0143", "Phone call", "WhatsApp", "Email"]
)
def test_a_user_with_a_device_does_not_register(window: Any, choice: str) -> None:
    sign_in(window, "sam")
    window.goto("/secret/")
    click(window, choice)
    submit(window, token=code_for(window, "sam@example.com" if choice == "Email" else PHONE))
    assert window.url.endswith("/secret/")
    window.goto("/")
    assert "verified" in window.inner_text("main").lower()


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_the_pages_work_without_javascript(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/secret/")
    click(window, "Text message")
    click(window, "Send the code again")
    assert "You can ask for another code" in window.inner_text("main")
    submit(window, token=code_for(window, PHONE))
    assert window.url.endswith("/secret/")


def test_the_pages_work_by_keyboard_alone(window: Any) -> None:
    # On each new page, the field or button to use has the focus.
    sign_in(window, "demo")
    window.goto("/secret/")
    press = window.keyboard.press
    press("Tab")
    window.locator("button:focus").wait_for()
    with window.expect_navigation():
        press("Enter")
    assert "/2fa/register/" in window.url
    window.locator("[name=phone_number]:focus").wait_for()
    window.keyboard.type("2025550143")
    with window.expect_navigation():
        press("Enter")
    code = code_for(window, PHONE)
    window.locator("[name=token]:focus").wait_for()
    window.keyboard.type(code)
    with window.expect_navigation():
        press("Enter")
    assert window.url.endswith("/secret/")


def test_tab_reaches_every_control_in_visual_order(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Text message")
    seen = []
    for _ in range(5):
        words = "document.activeElement.textContent.trim() || document.activeElement.name"
        seen.append(window.evaluate(words))
        window.keyboard.press("Tab")
    # The resend button waits for its cooldown.
    assert seen == ["token", "Continue", "Not received a code?", "Try another way", "Cancel this check"]


def test_the_resend_button_counts_down(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 2
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Text message")
    button = window.get_by_role("button", name="Send the code again")
    assert button.is_disabled()
    window.locator("[value=resend][data-countdown]:not([disabled])").wait_for()
    click(window, "Send the code again")
    assert "We sent the code again" in window.inner_text("main")


def test_a_single_choice_is_sent_at_once_in_a_browser(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["email"]
    sign_in(window, "sam")
    window.goto("/")
    with window.expect_navigation(url="**/verify/**"):
        window.locator("a[href='/secret/']").first.click()
    assert "sXX@eXXXXXX.com" in window.inner_text("main")


def test_the_handset_shows_a_message_that_comes_in(window: Any) -> None:
    sign_in(window, "sam")
    handset = window.context.new_page()
    handset.goto("/sandbox/")
    assert handset.get_by_text("Nothing has been sent yet").is_visible()
    window.goto("/2fa/start/")
    click(window, "WhatsApp")
    handset.wait_for_selector("li.whatsapp .body")
    assert handset.locator("li").count() == 1
    handset.close()


def test_a_form_that_is_submitted_twice_is_sent_once(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    with window.expect_navigation():
        window.get_by_text("Text message").first.dblclick()
    assert "You can ask for another code" not in window.inner_text("main")


@pytest.mark.parametrize("window", SIZES, indirect=True)
@pytest.mark.parametrize("path", ["/", "/2fa/start/", "/2fa/devices/", "/sandbox/", "/login/"])
def test_no_page_is_wider_than_the_window(window: Any, path: str) -> None:
    sign_in(window, "sam")
    window.goto(path)
    assert fits(window)


@pytest.mark.parametrize("window", [*SIZES, *NO_SCRIPT], indirect=True)
def test_a_phone_is_given_a_name_by_keyboard(window: Any) -> None:
    sign_in(window, "sam")
    # A change needs a fresh verification.
    window.goto("/2fa/start/?next=/2fa/devices/")
    click(window, "Text message")
    submit(window, token=code_for(window, "+12025550143"))
    window.goto("/2fa/devices/")
    window.get_by_text("Rename (XXX) XXX-0143").focus()
    window.keyboard.press("Enter")
    window.keyboard.press("Tab")
    window.keyboard.type("Work phone")
    looks_as_it_should(window, "naming")
    with window.expect_navigation():
        window.keyboard.press("Enter")
    assert window.get_by_text("Name changed to Work phone").is_visible()
