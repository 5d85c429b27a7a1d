"""Long names and addresses, and text that reads from right to left, in Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import register_device

from .measures import fits
from .test_walk import PHONE, click, code_for, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "W" * 64
ADDRESS = f"{'a' * 60}@{'b' * 60}.example.com"
SIZES = [
    pytest.param({"viewport": {"width": w, "height": 740}, "color_scheme": c}, id=f"{w}-{c}")
    for w, c in ((320, "light"), (390, "light"), (390, "dark"), (1280, "light"), (1280, "dark"))
]
HEBREW = [pytest.param({"locale": "he-IL", "viewport": {"width": 390, "height": 740}}, id="hebrew")]
WORDS = {"send_prefix": "הקלידו את הקוד", "send_sms": "שנשלח", "send_suffix": "אל {value} עכשיו."}

# Returns the position of each character of a text, for every visible occurrence on the page.
PLACES = """text => {
  const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node; (node = walk.nextNode());) {
    const at = node.data.indexOf(text);
    const hidden = node.parentElement.closest(".visually-hidden, details:not([open])");
    if (at < 0 || hidden) continue;
    found.push([...text].map((c, i) => {
      const range = document.createRange();
      range.setStart(node, at + i);
      range.setEnd(node, at + i + 1);
      const box = range.getBoundingClientRect();
      return [Math.round(box.top / 12), box.left];
    }));
  }
  return found;
}"""


@pytest.fixture(autouse=True)
def user(transactional_db: None) -> Any:
    user = get_user_model().objects.create_user("sam", password="sam")
    register_device(user, PHONE)
    register_device(user, EmailAddress("sam@example.com"))
    return user


def look(window: Any, name: str) -> None:
    """Save a picture of the page if `TWILIO_2FA_PICTURES` names a folder."""
    if folder := os.environ.get("TWILIO_2FA_PICTURES"):
        width, scheme = (
            window.viewport_size["width"],
            window.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"),
        )
        window.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)


def fits_and_looks(window: Any, name: str) -> None:
    look(window, name)
    assert fits(window), name


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_a_long_name_and_address_fit_on_every_page(window: Any, user: Any, settings: Any) -> None:
    Device.objects.update(name=LONG, masked=ADDRESS)
    settings.TWILIO_2FA_METHOD_DETAILS = {}
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    fits_and_looks(window, "start")
    click(window, "Text message")
    fits_and_looks(window, "verify")
    submit(window, token=code_for(window, PHONE))
    fits_and_looks(window, "success")
    window.goto("/2fa/devices/")
    fits_and_looks(window, "devices")
    window.locator("a[href*='/remove/']").first.click()
    window.wait_for_url("**/remove/**")
    fits_and_looks(window, "remove")
    window.goto(f"/2fa/change/{Device.objects.get(kind='email').pk}/")
    fits_and_looks(window, "change")
    window.goto(f"/2fa/remove/{Device.objects.get(kind='email').pk}/")
    with window.expect_navigation():
        window.get_by_role("button", name="Remove").click()
    fits_and_looks(window, "removed")
    window.goto("/2fa/devices/")
    window.locator("a[href*='/remove/']").first.click()
    assert "Add another way before you remove this one" in window.inner_text("main")
    fits_and_looks(window, "last")


@pytest.mark.parametrize("window", SIZES[1:], indirect=True)
def test_the_expired_and_stale_pages_fit_the_window(window: Any, user: Any) -> None:
    from ..clock import pass_time

    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Text message")
    pass_time(601)
    submit(window, token="123456")
    assert window.get_by_role("button", name="Send a new code").is_visible()
    fits_and_looks(window, "expired")
    window.context.clear_cookies()
    with window.expect_navigation():
        window.get_by_role("button", name="Send a new code").click()
    assert "out of date" in window.inner_text("main")
    fits_and_looks(window, "stale")
    # Chromium logs the status 403 of the form in its console.
    window.complaints.clear()


def keeps_its_order(window: Any, text: str) -> None:
    """Assert that each occurrence of the text on the page reads from left to right in each line."""
    found = window.evaluate(PLACES, text)
    assert found, text
    for places in found:
        lines: dict[int, list[float]] = {}
        for line, left in places:
            lines.setdefault(line, []).append(left)
        assert all(lefts == sorted(lefts) for lefts in lines.values()), (text, places)


@pytest.mark.parametrize("window", HEBREW, indirect=True)
def test_phone_numbers_and_addresses_are_not_reordered_in_hebrew(
    window: Any, user: Any, settings: Any
) -> None:
    number, address = "(XXX) XXX-0143", "sXX@eXXXXXX.com"
    labels = {"sms": "מסרון", "call": "שיחה", "whatsapp": "ווטסאפ", "email": "דואר"}
    settings.TWILIO_2FA_METHOD_DETAILS = {name: {"label": label} for name, label in labels.items()}
    settings.TWILIO_2FA_MESSAGE_DISPLAY_CB = lambda code: WORDS.get(code)
    settings.TWILIO_2FA_ERROR_DISPLAY = {}
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    assert window.evaluate("document.documentElement.dir") == "rtl"
    keeps_its_order(window, address)
    look(window, "hebrew-start")
    click(window, "מסרון")
    keeps_its_order(window, number)
    look(window, "hebrew-verify")
    submit(window, token=code_for(window, PHONE))
    window.goto("/2fa/devices/")
    for text in (number, address):
        keeps_its_order(window, text)
    # A title stays beside its icon.
    icon = window.locator(".twilio-2fa-devices li > span").first.bounding_box()
    title = window.locator(".twilio-2fa-device strong bdi").first.bounding_box()
    assert 0 <= icon["x"] - (title["x"] + title["width"]) < 40
    look(window, "hebrew-devices")
    window.locator("a[href*='/remove/']").first.click()
    window.wait_for_url("**/remove/**")
    keeps_its_order(window, number)
    look(window, "hebrew-remove")
    with window.expect_navigation():
        window.locator("form .btn-danger").click()
    keeps_its_order(window, number)
