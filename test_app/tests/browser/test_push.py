"""Approvals in Chromium: one context signs in, and another is the registered browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from django_twilio_2fa.models import Device, Status, Verification

from .test_walk import NO_SCRIPT, SIZES, click, looks_as_it_should, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NO_HTTPS = "Object.defineProperty(window, 'isSecureContext', {value: false})"
NO_STORE = "Object.defineProperty(window, 'indexedDB', {value: undefined})"


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["push", "email"]
    call_command("demo_users")


@pytest.fixture
def elsewhere(chromium: Any, live_server: Any, window: Any) -> Iterator[Any]:
    """Return a window of another browser, of the same size."""
    context = chromium.new_context(base_url=live_server.url, viewport=window.viewport_size)
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def presses(window: Any, text: str) -> None:
    window.get_by_role("button", name=text).click()


def registers(window: Any, name: str = "My laptop") -> None:
    begins_to_register(window, name)
    with window.expect_navigation():
        presses(window, "Register this browser")


def begins_to_register(window: Any, name: str = "My laptop") -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Approval on a device")
    window.fill("[name=name]", name)
    with window.expect_navigation():
        presses(window, "Continue")


def waits(elsewhere: Any) -> str:
    """Sign in with the other browser, whose page waits. Return the number that it shows."""
    sign_in(elsewhere, "demo")
    elsewhere.goto("/secret/")
    if "/2fa/verify/" not in elsewhere.url:
        click(elsewhere, "Approval on a device")
    return str(elsewhere.locator("output").inner_text())


def opens_approvals(window: Any) -> None:
    window.goto("/2fa/devices/")
    with window.expect_navigation():
        window.get_by_role("link", name="Open approvals").click()


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_a_browser_is_registered_and_approves_a_request(window: Any, elsewhere: Any) -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Approval on a device")
    looks_as_it_should(window, "push-register")
    window.fill("[name=name]", "My laptop")
    with window.expect_navigation():
        presses(window, "Continue")
    looks_as_it_should(window, "push-confirm")
    with window.expect_navigation():
        presses(window, "Register this browser")
    assert window.url.endswith("/secret/")
    device = Device.objects.get(user__username="demo")
    assert (device.kind, device.name) == ("push", "My laptop")

    opens_approvals(window)
    window.get_by_text("Nothing to approve.").wait_for()
    looks_as_it_should(window, "push-nothing")
    number = waits(elsewhere)
    looks_as_it_should(elsewhere, f"push-waits-{window.viewport_size['width']}")
    window.get_by_text("Sign in to").wait_for()
    assert "Chrome on Linux" in window.inner_text("main")
    assert number not in window.locator("[name=number]").input_value()
    looks_as_it_should(window, "push-asks")
    window.fill("[name=number]", number)
    with elsewhere.expect_navigation():
        presses(window, "Approve")
    window.get_by_text("Approved. Continue in the other browser.").wait_for()
    looks_as_it_should(window, "push-approved")
    elsewhere.wait_for_url("**/secret/")


@pytest.mark.parametrize("zeros", ["\u0660\u0966", "\u06f0\uff10"])
def test_the_number_may_have_digits_of_any_script(window: Any, elsewhere: Any, zeros: str) -> None:
    registers(window)
    opens_approvals(window)
    number = waits(elsewhere)
    typed = "".join(chr(ord(zero) + int(digit)) for zero, digit in zip(zeros, number, strict=True))
    window.fill("[name=number]", typed)
    presses(window, "Approve")
    window.get_by_text("Approved. Continue in the other browser.").wait_for()


def test_a_registered_browser_can_deny_a_request(window: Any, elsewhere: Any, mailoutbox: Any) -> None:
    registers(window)
    opens_approvals(window)
    waits(elsewhere)
    mailoutbox.clear()
    presses(window, "Deny: this is not me")
    window.get_by_text("Denied. Nobody has signed in.").wait_for()
    looks_as_it_should(window, "push-denied")
    elsewhere.get_by_text("The request was refused.").wait_for()
    looks_as_it_should(elsewhere, "push-was-denied")
    assert Verification.objects.latest("pk").status == Status.FAILED
    assert [m.subject for m in mailoutbox] == ["A sign-in to your account was denied"]


def test_a_wrong_number_is_refused_with_a_message(window: Any, elsewhere: Any) -> None:
    registers(window)
    opens_approvals(window)
    number = waits(elsewhere)
    window.fill("[name=number]", str(110 - int(number) if number != "55" else 56))
    presses(window, "Approve")
    window.get_by_text("That is not the number on the other screen.").wait_for()
    looks_as_it_should(window, "push-wrong-number")
    window.wait_for_timeout(2500)
    assert "/2fa/verify/" in elsewhere.url
    window.complaints.clear()  # Chromium reports the status 400 of the refused answer.
    window.fill("[name=number]", number)
    with elsewhere.expect_navigation():
        presses(window, "Approve")
    elsewhere.wait_for_url("**/secret/")


def test_browsers_approve_by_the_keyboard_alone(window: Any, elsewhere: Any) -> None:
    registers(window)
    opens_approvals(window)
    number = waits(elsewhere)
    window.locator("[name=number]:focus").wait_for()
    window.keyboard.press("Enter")
    window.get_by_text("Enter the number.").wait_for()
    window.keyboard.type(number)
    with elsewhere.expect_navigation():
        window.keyboard.press("Enter")
    elsewhere.wait_for_url("**/secret/")


def test_a_browser_approves_when_nobody_is_signed_in(window: Any, elsewhere: Any) -> None:
    registers(window)
    window.context.clear_cookies()
    window.goto("/2fa/push/")
    number = waits(elsewhere)
    window.fill("[name=number]", number)
    with elsewhere.expect_navigation():
        presses(window, "Approve")
    elsewhere.wait_for_url("**/secret/")


def test_the_request_that_is_sent_again_replaces_the_first(
    window: Any, elsewhere: Any, settings: Any
) -> None:
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    registers(window)
    opens_approvals(window)
    waits(elsewhere)
    window.locator("[name=number]").wait_for()
    with elsewhere.expect_navigation():
        presses(elsewhere, "Ask again")
    number = str(elsewhere.locator("output").inner_text())
    first = window.locator("[name=number]").get_attribute("id")
    window.wait_for_function("id => !document.getElementById(id)", arg=first)
    assert window.locator("[name=number]").count() == 1
    window.fill("[name=number]", number)
    with elsewhere.expect_navigation():
        presses(window, "Approve")
    elsewhere.wait_for_url("**/secret/")


def test_the_key_cannot_be_read_by_the_page(window: Any) -> None:
    registers(window)
    told = window.evaluate(
        """async () => {
            const opening = indexedDB.open('twilio-2fa-push', 1);
            await new Promise((done) => { opening.onsuccess = done; });
            const asked = opening.result.transaction('keys').objectStore('keys').getAll();
            await new Promise((done) => { asked.onsuccess = done; });
            const key = asked.result[0].private_key;
            const exported = await crypto.subtle.exportKey('pkcs8', key).catch((e) => e.name);
            return [asked.result.length, key.extractable, exported];
        }"""
    )
    assert told == [1, False, "InvalidAccessError"]


def test_the_page_says_if_the_browser_is_not_registered(window: Any) -> None:
    window.goto("/2fa/push/")
    window.get_by_text("This browser is not registered").wait_for()
    looks_as_it_should(window, "push-unknown")


def test_another_user_of_the_browser_sees_no_requests(window: Any, elsewhere: Any) -> None:
    registers(window)
    waits(elsewhere)
    window.context.clear_cookies()
    sign_in(window, "sam")
    window.goto("/2fa/push/")
    window.get_by_text("This browser is registered for a different user").wait_for()
    assert "Sign in to" not in window.inner_text("main")
    window.complaints.clear()  # Chromium reports the status 403 of the refused request.


def test_a_silent_browser_approves_by_itself(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_PUSH_SILENT = True
    registers(window)
    window.context.clear_cookies()
    sign_in(window, "demo")
    window.goto("/secret/")
    if "/2fa/verify/" not in window.url and "/secret/" not in window.url:
        window.get_by_text("Approval on a device").first.click()
    window.wait_for_url("**/secret/")


@pytest.mark.parametrize(
    ("script", "says"),
    [(NO_STORE, "This browser cannot keep a key."), (NO_HTTPS, "This works only on secure pages")],
    ids=["no-store", "no-https"],
)
def test_the_page_says_why_a_browser_cannot_be_registered(window: Any, script: str, says: str) -> None:
    window.context.add_init_script(script)
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Approval on a device")
    window.get_by_text(says).wait_for()
    looks_as_it_should(window, "push-impossible")
    with window.expect_navigation():
        presses(window, "Continue")
    assert "Your browser did not make a key." in window.inner_text("main")


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_without_script_the_register_page_says_so(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Approval on a device")
    assert "This needs JavaScript." in window.inner_text("main")
    with window.expect_navigation():
        presses(window, "Continue")
    assert "Your browser did not make a key." in window.inner_text("main")
