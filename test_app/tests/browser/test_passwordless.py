"""Log in with a passkey and no password in Chromium: by the button, and through autofill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command

from django_twilio_2fa.models import Device, Verification

from .test_passkey import NO_HTTPS, NO_WEBAUTHN, Authenticator, begins_to_register, presses
from .test_walk import NO_SCRIPT, SIZES, looks_as_it_should

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/login/verified/"
NO_AUTOFILL = "window.PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)"


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey", "email"]
    settings.TWILIO_2FA_PASSWORDLESS_LOGIN = True
    call_command("demo_users")


@pytest.fixture
def authenticator(window: Any) -> Iterator[Authenticator]:
    """Return an authenticator with a passkey of the user demo, who is signed out."""
    found = Authenticator(window)
    begins_to_register(window)
    with window.expect_navigation():
        presses(window, "Create a passkey")
    window.context.clear_cookies()
    return found


@pytest.fixture
def no_autofill(window: Any) -> None:
    window.context.add_init_script(NO_AUTOFILL)


def is_in(window: Any) -> bool:
    """Return whether the user is signed in and verified."""
    window.goto("/secret/")
    return is_at_the_secret(window)


def is_at_the_secret(window: Any) -> bool:
    """Return whether the protected page is open. Its address may also be in `next`."""
    return bool(urlsplit(window.url).path == "/secret/")


def opens(window: Any) -> None:
    window.goto(f"{PAGE}?next=/secret/")


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_the_button_logs_in_without_a_password(
    window: Any, authenticator: Authenticator, no_autofill: None
) -> None:
    opens(window)
    window.get_by_role("button", name="Sign in with a passkey").wait_for()
    looks_as_it_should(window, "passwordless")
    with window.expect_navigation():
        presses(window, "Sign in with a passkey")
    assert is_at_the_secret(window)
    assert Verification.objects.get(details__passwordless=True).verifies_session


def test_autofill_logs_in_without_a_password(window: Any, authenticator: Authenticator) -> None:
    # Nobody presses the button: the virtual authenticator answers as if the user had chosen the passkey
    # from the autofill suggestions of the browser.
    window.goto(f"{PAGE}?next=/secret/", wait_until="commit")
    window.wait_for_url(lambda url: urlsplit(url).path == "/secret/", timeout=60_000)
    assert is_in(window)
    assert Verification.objects.get(details__passwordless=True).verifies_session


def test_autofill_leaves_the_password_alone(window: Any, authenticator: Authenticator) -> None:
    authenticator.tell("setAutomaticPresenceSimulation", enabled=False)
    opens(window)
    assert window.locator("[name=username]").get_attribute("autocomplete") == "username webauthn"
    window.fill("[name=username]", "demo")
    window.fill("[name=password]", "demo")
    with window.expect_navigation():
        window.keyboard.press("Enter")
    assert "/2fa/" in window.url
    # With the password, the passkey is the second factor.
    authenticator.tell("setAutomaticPresenceSimulation", enabled=True)
    if "/2fa/verify/" not in window.url:
        with window.expect_navigation():
            window.get_by_text("Passkey").first.click()
    with window.expect_navigation():
        presses(window, "Use your passkey")
    assert is_at_the_secret(window)


def test_a_passkey_logs_in_by_the_keyboard(
    window: Any, authenticator: Authenticator, no_autofill: None
) -> None:
    opens(window)
    window.get_by_role("button", name="Sign in with a passkey").wait_for()
    window.locator("[name=password]").focus()
    window.keyboard.press("Tab")
    window.keyboard.press("Tab")
    assert window.locator("button:focus").inner_text() == "Sign in with a passkey"
    with window.expect_navigation():
        window.keyboard.press("Enter")
    assert is_at_the_secret(window)


def test_a_canceled_log_in_can_be_tried_again(
    window: Any, authenticator: Authenticator, no_autofill: None
) -> None:
    opens(window)
    window.evaluate(
        """() => { window.asked = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"""
    )
    presses(window, "Sign in with a passkey")
    window.get_by_text("No passkey was used: it was canceled, or took too long.").wait_for()
    looks_as_it_should(window, "passwordless-canceled")
    assert window.locator("button:focus").inner_text() == "Sign in with a passkey"
    window.evaluate("() => { navigator.credentials.get = window.asked; }")
    with window.expect_navigation():
        presses(window, "Sign in with a passkey")
    assert is_at_the_secret(window)


def test_a_passkey_that_the_site_has_removed_is_refused(
    window: Any, authenticator: Authenticator, no_autofill: None
) -> None:
    Device.objects.all().delete()
    opens(window)
    with window.expect_navigation():
        presses(window, "Sign in with a passkey")
    assert "That passkey did not work." in window.get_by_role("alert").first.inner_text()
    looks_as_it_should(window, "passwordless-refused")
    assert not is_in(window)


def test_a_refusal_of_the_server_is_shown(window: Any, authenticator: Authenticator, settings: Any) -> None:
    window.context.add_init_script(NO_AUTOFILL)
    opens(window)
    window.get_by_role("button", name="Sign in with a passkey").wait_for()
    settings.TWILIO_2FA_PASSWORDLESS_LOGIN = False
    presses(window, "Sign in with a passkey")
    window.get_by_text("Your browser could not use a passkey here.").wait_for()
    # Chromium reports the refused response.
    assert all("the server responded with a status of 4" in complaint for complaint in window.complaints)
    window.complaints.clear()


@pytest.mark.parametrize(
    ("script", "says"),
    [(NO_WEBAUTHN, "This browser cannot use passkeys."), (NO_HTTPS, "Passkeys work only on secure pages")],
    ids=["no-webauthn", "no-https"],
)
def test_the_log_in_page_says_why_no_passkey_can_be_used(
    window: Any, authenticator: Authenticator, script: str, says: str
) -> None:
    window.context.add_init_script(script)
    opens(window)
    window.get_by_text(says).wait_for()
    assert not window.get_by_role("button", name="Sign in with a passkey").is_visible()
    looks_as_it_should(window, "passwordless-impossible")


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_the_log_in_page_works_without_script(window: Any) -> None:
    window.goto(PAGE)
    assert "Passkeys need JavaScript. Sign in with your password." in window.inner_text("main")
    assert not window.get_by_role("button", name="Sign in with a passkey").is_visible()
    window.fill("[name=username]", "demo")
    window.fill("[name=password]", "demo")
    with window.expect_navigation():
        window.keyboard.press("Enter")
    window.goto("/secret/")
    assert "/2fa/start/" in window.url
