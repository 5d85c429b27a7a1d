"""The whole flow with the keyboard alone. Tab reaches every control, and shows which has the focus."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from .measures import OUTLINE, SCHEMES, seen
from .test_walk import PHONE, code_for, looks_as_it_should

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = [
    pytest.param({"viewport": {"width": 390, "height": 740}}, id="390"),
    pytest.param({"viewport": {"width": 1280, "height": 800}}, id="1280"),
]

FOCUSED = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect();
  const words = (e.textContent.trim() || e.name || "").replace(/\\s+/g, " ");
  return [words, box.bottom > 0 && box.top < innerHeight, Boolean(e.closest("body.twilio-2fa"))];
}"""


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", "recovery"]
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = None
    call_command("demo_users")


def has_an_outline(window: Any, words: str) -> None:
    for scheme in SCHEMES:
        with seen(window, color_scheme=scheme):
            assert window.evaluate(OUTLINE) >= 3, f"{words} has the focus and does not look so, {scheme}"
    with seen(window, forced_colors="active"):
        assert window.evaluate(OUTLINE) >= 3, f"{words} has the focus and does not look so, forced colours"


def reaches(window: Any, words: str) -> None:
    """Press Tab until something with these words has the focus."""
    for _ in range(40):
        found, in_window, ours = window.evaluate(FOCUSED)
        if found.startswith(words):
            assert in_window, f"{words} has the focus and is not in the window"
            if ours:
                has_an_outline(window, words)
            return
        window.keyboard.press("Tab")
    raise AssertionError(f"{words} cannot be reached by Tab")


def presses(window: Any, words: str, key: str = "Enter") -> None:
    reaches(window, words)
    with window.expect_navigation():
        window.keyboard.press(key)


def types(window: Any, field: str, text: str) -> None:
    reaches(window, field)
    with window.expect_navigation():
        window.keyboard.type(text)
        window.keyboard.press("Enter")


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_the_whole_flow_works_by_the_keyboard_alone(window: Any) -> None:
    def looks(name: str) -> None:
        for scheme in SCHEMES:
            with seen(window, color_scheme=scheme):
                looks_as_it_should(window, f"keyboard-{name}-{scheme}")

    # Bootstrap scrolls slowly otherwise.
    window.emulate_media(reduced_motion="reduce")
    window.goto("/login/?next=/secret/")
    reaches(window, "username")
    window.keyboard.type("demo")
    types(window, "password", "demo")
    looks("start")
    # The other channels are in a closed <details>.
    reaches(window, "Other ways to use a phone")
    window.keyboard.press("Enter")
    looks("start-opened")
    presses(window, "Phone call")
    looks("register")
    types(window, "phone_number", "1")
    window.locator("[role=alert]:focus").wait_for()
    looks("register-error")
    # The link of the summary leads to the field.
    reaches(window, "Enter a phone number, like")
    window.keyboard.press("Tab")
    reaches(window, "Enter a phone number, like")
    window.keyboard.press("Enter")
    window.locator("[name=phone_number]:focus").wait_for()
    window.keyboard.press("Control+A")
    types(window, "phone_number", "2025550143")
    looks("verify")
    reaches(window, "token")
    code = code_for(window, PHONE)
    window.bring_to_front()
    # A complete code is sent without Enter.
    with window.expect_navigation():
        window.keyboard.type(code)
    looks("backup")
    presses(window, "Recovery codes")
    presses(window, "Continue")
    looks("codes")
    reaches(window, "Copy")
    window.keyboard.press("Enter")
    window.locator("#twilio_2fa_codes_copied:not(:empty)").wait_for()
    reaches(window, "saved")
    window.keyboard.press("Space")
    presses(window, "Continue")
    assert window.url.endswith("/secret/")
    window.goto("/2fa/devices/")
    looks("devices")
    reaches(window, "Rename (XXX) XXX-0143")
    window.keyboard.press("Enter")
    types(window, "name", "My phone")
    looks("renamed")
    presses(window, "Remove My phone")
    looks("remove")
    presses(window, "Keep it")
    window.goto("/2fa/start/?next=/secret/")
    looks("verified")
    presses(window, "Continue")
    assert window.url.endswith("/secret/")
