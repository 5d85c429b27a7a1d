"""Values to type, scan and copy, in Chromium: all are fully visible and can be copied."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command

from .test_methods import authenticator_code, signs_in_again
from .test_walk import NO_SCRIPT, click, looks_as_it_should, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = [
    pytest.param({"viewport": {"width": w, "height": 740}, "color_scheme": scheme}, id=f"{w}-{scheme}")
    for w, scheme in [(320, "light"), (390, "dark"), (390, "light"), (1280, "dark"), (1280, "light")]
]


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["totp", "recovery"]
    call_command("demo_users")


def begins_an_authenticator(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/2fa/register/")
    click(window, "Continue")


def is_seen_whole(window: Any) -> bool:
    field = window.locator("[name=token]")
    return bool(field.evaluate("e => e.scrollWidth <= e.clientWidth"))


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_a_whole_recovery_code_fits_into_the_field(window: Any) -> None:
    begins_an_authenticator(window)
    submit(window, token=authenticator_code(window))
    click(window, "Recovery codes")
    click(window, "Continue")
    window.check("[name=saved]")
    click(window, "Continue")
    signs_in_again(window, "demo")
    click(window, "Recovery codes (")
    window.locator("[name=token]").type("5762-CCBC-9C40-0EDA")
    assert is_seen_whole(window)
    looks_as_it_should(window, "recovery-typed")
    # After an error, the field also contains an icon.
    with window.expect_navigation():
        window.keyboard.press("Enter")
    window.fill("[name=token]", "5762-ccbc-9c40-0eda")
    assert is_seen_whole(window)
    looks_as_it_should(window, "recovery-wrong")


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_the_quiet_zone_of_the_qr_code_is_not_cut(window: Any) -> None:
    begins_an_authenticator(window)
    picture = window.locator(".twilio-2fa-qr")
    radii = picture.evaluate("e => [getComputedStyle(e).borderRadius, getComputedStyle(e).padding]")
    assert radii == ["0px", "0px"]
    assert picture.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    box = picture.bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    looks_as_it_should(window, "totp-enrol")


@pytest.mark.parametrize("window", SIZES[1:2], indirect=True)
def test_copying_the_key_is_confirmed(window: Any) -> None:
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    begins_an_authenticator(window)
    assert window.get_by_role("status").filter(has_text="Copied").count() == 0
    window.get_by_role("button", name="Copy the key").click()
    window.get_by_role("status").filter(has_text="Copied").wait_for()
    copied = window.evaluate("navigator.clipboard.readText()")
    assert copied == window.locator(".twilio-2fa-secret").inner_text().replace(" ", "")
    looks_as_it_should(window, "totp-copied")


@pytest.mark.parametrize("window", SIZES[1:2], indirect=True)
def test_without_a_clipboard_the_key_is_selected(window: Any) -> None:
    window.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    begins_an_authenticator(window)
    window.get_by_role("button", name="Copy the key").click()
    window.get_by_role("status").filter(has_text="Selected").wait_for()
    selected = window.evaluate("getSelection().toString()")
    assert selected.strip() == window.locator(".twilio-2fa-secret").inner_text()


def test_the_link_of_the_key_opens_an_authenticator_app(window: Any) -> None:
    begins_an_authenticator(window)
    link = window.get_by_role("link", name="Open your app on this device")
    key = window.locator(".twilio-2fa-secret").inner_text().replace(" ", "")
    assert re.match(rf"otpauth://totp/[^?]+:demo\\?.*secret={key}", link.get_attribute("href"))


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_without_script_no_copy_button_is_shown(window: Any) -> None:
    begins_an_authenticator(window)
    assert window.get_by_role("link", name="Open your app on this device").is_visible()
    assert not window.get_by_text("Copy").first.is_visible()
