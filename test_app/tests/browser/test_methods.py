"""Authenticator apps, recovery codes and a method that waits for an answer, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from .test_walk import NO_SCRIPT, SIZES, click, code_for, looks_as_it_should, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["totp", "link", "recovery", "email"]
    call_command("demo_users")


def authenticator_code(window: Any) -> str:
    """Return the code of the authenticator, read from the handset in a second tab."""
    tab = window.context.new_page()
    tab.goto("/sandbox/")
    code = str(tab.locator("[data-authenticator]").first.inner_text())
    tab.close()
    return code.replace(" ", "")


def signs_in_again(window: Any, name: str) -> None:
    window.context.clear_cookies()
    sign_in(window, name)
    window.goto("/secret/")
    # A user with one device is asked for it at once. Recovery codes do not count as a device.
    if "/2fa/verify/" in window.url:
        click(window, "Try another way")
    assert "/2fa/start/" in window.url


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_an_authenticator_and_recovery_codes_verify(window: Any, monkeypatch: Any) -> None:
    from django_twilio_2fa.sandbox import clock

    sign_in(window, "demo")
    window.goto("/secret/")
    looks_as_it_should(window, "start")
    click(window, "Authenticator app")
    looks_as_it_should(window, "totp-register")
    window.fill("[name=name]", "My phone")
    click(window, "Continue")
    looks_as_it_should(window, "totp-enrol")
    secret = window.locator(".twilio-2fa-secret").inner_text()
    assert len(secret.replace(" ", "")) >= 16
    submit(window, token=authenticator_code(window))

    # The page offers recovery codes as a backup, and the user accepts.
    assert "/2fa/success/" in window.url
    looks_as_it_should(window, "offer")
    click(window, "Recovery codes")
    looks_as_it_should(window, "recovery-register")
    click(window, "Continue")
    looks_as_it_should(window, "recovery-codes")
    codes = window.locator(".twilio-2fa-codes code").all_inner_texts()
    assert len(codes) == 10
    with window.expect_download() as download:
        window.get_by_text("Download").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert all(code in Path(download.value.path()).read_text() for code in codes)
    assert window.get_by_text("Print").is_visible()
    window.check("[name=saved]")
    click(window, "Continue")
    assert window.url.endswith("/secret/")

    signs_in_again(window, "demo")
    looks_as_it_should(window, "start-with-both")
    click(window, "My phone")
    monkeypatch.setattr(clock, "ahead", 60.0)
    submit(window, token=authenticator_code(window))
    assert window.url.endswith("/secret/")

    signs_in_again(window, "demo")
    click(window, "Recovery codes (10 left)")
    looks_as_it_should(window, "recovery-verify")
    submit(window, token="no code")
    assert "Enter a recovery code, like" in window.get_by_role("alert").inner_text()
    submit(window, token=codes[4].upper())
    assert window.url.endswith("/secret/")
    window.goto("/2fa/devices/")
    looks_as_it_should(window, "devices")
    assert "9 left" in window.inner_text("main")


def approves(window: Any, number: str) -> None:
    """Open the link of the mail in another browser without signing in, and choose the number."""
    mails = window.context.new_page()
    mails.goto("/mail/")
    href = mails.locator("article a").first.get_attribute("href")
    mails.close()
    elsewhere = window.context.browser.new_context(viewport=window.viewport_size)
    tab = elsewhere.new_page()
    # The test client's host and the live server's differ in the port only.
    tab.goto(href)
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.get_by_role("button", name=number, exact=True).click()
    tab.get_by_text("Thank you").wait_for()
    elsewhere.close()


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_the_waiting_page_continues_by_itself(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/secret/")
    click(window, "Link by email")
    looks_as_it_should(window, "waiting")
    number = window.locator(".twilio-2fa-number").inner_text()
    approves(window, number)
    window.wait_for_url("**/secret/")


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_the_waiting_page_works_without_javascript(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/secret/")
    click(window, "Link by email")
    click(window, "I have answered")
    assert "We have not had your answer yet." in window.inner_text("main")
    approves(window, window.locator(".twilio-2fa-number").inner_text())
    click(window, "I have answered")
    assert window.url.endswith("/secret/")


def test_the_waiting_page_works_by_keyboard(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Link by email")
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.textContent.trim()") == "I have answered"


@pytest.mark.parametrize("window", SIZES, indirect=True)
@pytest.mark.parametrize("name", ["sam", "demo"])
def test_the_api_page_of_the_demo_verifies_a_user(window: Any, settings: Any, name: str) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email"]
    sign_in(window, name)
    window.goto("/api/demo/")
    if name == "sam":
        window.get_by_text("Text message (XXX) XXX-0143").click()
    else:
        window.get_by_label("Phone number").fill("+1 202 555 0143")
        window.keyboard.press("Enter")
    window.get_by_label("Code").fill("12")
    window.keyboard.press("Enter")
    window.get_by_text("That code is incorrect. Check it and try again.").wait_for()
    looks_as_it_should(window, f"api-{name}")
    window.get_by_label("Code").fill(code_for(window, "+12025550143"))
    window.keyboard.press("Enter")
    window.get_by_text("The owl flies at midnight.").wait_for()
    # The browser logs the refused code in its console, as it does every unsuccessful response.
    assert all("400" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_coming_back_within_the_cooldown_keeps_the_code(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    sign_in(window, "sam")
    for _ in range(2):
        window.goto("/api/demo/")
        window.get_by_text("Text message (XXX) XXX-0143").click()
        window.get_by_label("Code").wait_for()
    assert window.get_by_text("You can ask for another code").is_visible()
    window.get_by_label("Code").fill(code_for(window, "+12025550143"))
    window.keyboard.press("Enter")
    window.get_by_text("The owl flies at midnight.").wait_for()
    assert all("429" in complaint for complaint in window.complaints)
    window.complaints.clear()


def test_the_api_can_be_tried_on_the_docs_page(window: Any, settings: Any) -> None:
    sign_in(window, "sam")
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms"]
    window.set_viewport_size({"width": 1280, "height": 800})
    window.goto("/api/docs/")
    send = window.locator(".opblock-post", has_text="/api/2fa/send/")
    send.locator(".opblock-summary").click()
    send.get_by_text("Try it out").click()
    send.locator("textarea").fill('{"method": "sms"}')
    send.get_by_role("button", name="Execute").click()
    # The request uses the session and its CSRF token.
    assert send.locator(".live-responses-table .response-col_status").nth(1).inner_text().startswith("200")
    assert "verification_id" in send.locator(".live-responses-table").inner_text()
    looks_as_it_should(window, "api-docs")
    assert code_for(window, "+12025550143")
