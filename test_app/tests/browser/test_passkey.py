"""Passkeys in Chromium, with its virtual authenticator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from django_twilio_2fa.models import Device

from .test_walk import NO_SCRIPT, SIZES, click, looks_as_it_should, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NO_WEBAUTHN = "delete window.PublicKeyCredential"
NO_HTTPS = "Object.defineProperty(window, 'isSecureContext', {value: false})"


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["passkey", "email"]
    call_command("demo_users")


class Authenticator:
    """A virtual authenticator of a window. Source: the WebAuthn domain of the DevTools protocol."""

    def __init__(self, window: Any) -> None:
        self.session = window.context.new_cdp_session(window)
        self.session.send("WebAuthn.enable")
        self.id = self.add()

    def add(self) -> str:
        """Add an authenticator. Return its id."""
        about = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        told = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": about})
        return str(told["authenticatorId"])

    def tell(self, command: str, **values: Any) -> Any:
        return self.session.send(f"WebAuthn.{command}", {"authenticatorId": self.id, **values})

    def replace(self) -> None:
        """Remove this authenticator, and plug in another."""
        self.tell("removeVirtualAuthenticator")
        self.id = self.add()

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tell("getCredentials")["credentials"]
        return found


@pytest.fixture
def authenticator(window: Any) -> Iterator[Authenticator]:
    return Authenticator(window)


def presses(window: Any, text: str) -> None:
    window.get_by_role("button", name=text).click()


def signs_in_again(window: Any, name: str = "demo") -> None:
    window.context.clear_cookies()
    sign_in(window, name)
    window.goto("/secret/")


def begins_to_register(window: Any, name: str = "My laptop") -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Passkey")
    window.fill("[name=name]", name)
    click(window, "Continue")


def registers_a_passkey(window: Any) -> None:
    """Register a passkey, then sign in again."""
    begins_to_register(window)
    with window.expect_navigation():
        presses(window, "Create a passkey")
    assert window.url.endswith("/secret/")
    signs_in_again(window)


def opens_the_page(window: Any) -> None:
    if "/2fa/verify/" not in window.url:
        click(window, "Passkey")


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_a_passkey_is_registered_and_verifies_the_user(window: Any, authenticator: Authenticator) -> None:
    sign_in(window, "demo")
    window.goto("/secret/")
    click(window, "Passkey")
    looks_as_it_should(window, "passkey-register")
    window.fill("[name=name]", "My laptop")
    click(window, "Continue")
    looks_as_it_should(window, "passkey-create")
    with window.expect_navigation():
        presses(window, "Create a passkey")
    assert window.url.endswith("/secret/")
    assert Device.objects.get(user__username="demo").name == "My laptop"
    assert [c["rpId"] for c in authenticator.credentials] == ["localhost"]

    signs_in_again(window)
    opens_the_page(window)
    looks_as_it_should(window, "passkey-use")
    with window.expect_navigation():
        presses(window, "Use your passkey")
    assert window.url.endswith("/secret/")
    window.goto("/2fa/devices/")
    looks_as_it_should(window, "passkey-devices")
    assert "My laptop" in window.inner_text("main")


def test_a_passkey_is_registered_and_used_by_the_keyboard(window: Any, authenticator: Authenticator) -> None:
    begins_to_register(window)
    for page in ("Create a passkey", "Use your passkey"):
        window.locator("button:focus").wait_for()
        assert window.locator("button:focus").inner_text() == page
        with window.expect_navigation():
            window.keyboard.press("Enter")
        assert window.url.endswith("/secret/")
        signs_in_again(window)
        opens_the_page(window)


def test_either_of_two_passkeys_verifies_the_user(window: Any, authenticator: Authenticator) -> None:
    registers_a_passkey(window)
    opens_the_page(window)
    with window.expect_navigation():
        presses(window, "Use your passkey")
    first = authenticator.credentials
    # The same authenticator is not registered twice, and the page says so.
    window.goto("/2fa/add/start/")
    click(window, "Passkey")
    window.fill("[name=name]", "Again")
    click(window, "Continue")
    presses(window, "Create a passkey")
    window.get_by_text("You already have a passkey on this device.").wait_for()
    authenticator.replace()
    with window.expect_navigation():
        presses(window, "Create a passkey")
    assert "/2fa/devices/" in window.url
    assert Device.objects.filter(user__username="demo", kind="passkey").count() == 2

    # With the second one, and then with the first.
    for plugged_in in (None, first[0]):
        if plugged_in is not None:
            authenticator.replace()
            authenticator.tell("addCredential", credential=plugged_in)
        signs_in_again(window)
        opens_the_page(window)
        with window.expect_navigation():
            presses(window, "Use your passkey")
        assert window.url.endswith("/secret/")


def test_a_canceled_passkey_is_reported_and_can_be_tried_again(
    window: Any, authenticator: Authenticator
) -> None:
    begins_to_register(window)
    # As when a person does not touch the sensor, or presses Cancel.
    window.evaluate(
        """() => { window.asked = navigator.credentials.create;
        navigator.credentials.create = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"""
    )
    presses(window, "Create a passkey")
    told = window.get_by_text("You did not create a passkey, or it took too long.")
    told.wait_for()
    looks_as_it_should(window, "passkey-canceled")
    assert window.locator("button:focus").inner_text() == "Create a passkey"
    assert not Device.objects.filter(user__username="demo").exists()
    window.evaluate("() => { navigator.credentials.create = window.asked; }")
    with window.expect_navigation():
        presses(window, "Create a passkey")
    assert window.url.endswith("/secret/")


def test_an_authenticator_without_the_passkey_is_reported(window: Any, authenticator: Authenticator) -> None:
    registers_a_passkey(window)
    opens_the_page(window)
    kept = authenticator.credentials
    authenticator.tell("clearCredentials")
    presses(window, "Use your passkey")
    window.get_by_text("You did not use a passkey, or it took too long.").wait_for()
    authenticator.tell("addCredential", credential=kept[0])
    with window.expect_navigation():
        presses(window, "Use your passkey")
    assert window.url.endswith("/secret/")


def test_a_copied_key_is_refused(window: Any, authenticator: Authenticator) -> None:
    registers_a_passkey(window)
    [copied] = authenticator.credentials
    opens_the_page(window)
    with window.expect_navigation():
        presses(window, "Use your passkey")
    signs_in_again(window)
    opens_the_page(window)
    authenticator.replace()
    authenticator.tell("addCredential", credential={**copied, "signCount": 0})
    with window.expect_navigation():
        presses(window, "Use your passkey")
    assert "That passkey did not work." in window.get_by_role("alert").first.inner_text()
    looks_as_it_should(window, "passkey-refused")


@pytest.mark.parametrize(
    ("script", "says"),
    [(NO_WEBAUTHN, "This browser cannot use passkeys."), (NO_HTTPS, "Passkeys only work on secure pages")],
    ids=["no-webauthn", "no-https"],
)
def test_the_page_says_why_no_passkey_can_be_used(
    window: Any, authenticator: Authenticator, script: str, says: str
) -> None:
    window.context.add_init_script(script)
    begins_to_register(window)
    window.get_by_text(says).wait_for()
    assert not window.get_by_role("button", name="Create a passkey").is_visible()
    looks_as_it_should(window, "passkey-impossible")
    with window.expect_navigation():
        window.get_by_role("link", name="Try another way").click()
    click(window, "Email")
    assert "/2fa/register/" in window.url


def test_a_passkey_is_registered_and_used_over_the_api(window: Any, authenticator: Authenticator) -> None:
    sign_in(window, "demo")
    for first, then in (("Create a passkey", "Create it"), ("Passkey", "Use it")):
        window.goto("/api/demo/")
        presses(window, first)
        presses(window, then)
        window.locator("#secret").wait_for()
        window.context.clear_cookies()
        sign_in(window, "demo")
    assert len(authenticator.credentials) == 1


def test_hidden_elements_stay_hidden_without_bootstrap(
    window: Any, authenticator: Authenticator, settings: Any
) -> None:
    settings.TWILIO_2FA_STYLESHEETS = []
    window.context.add_init_script(NO_WEBAUTHN)
    begins_to_register(window)
    window.get_by_text("This browser cannot use passkeys.").wait_for()
    assert not window.get_by_role("button", name="Create a passkey").is_visible()


@pytest.mark.parametrize("window", NO_SCRIPT, indirect=True)
def test_without_script_the_passkey_page_says_so(window: Any) -> None:
    begins_to_register(window)
    assert "Passkeys need JavaScript." in window.inner_text("main")
    with window.expect_navigation():
        presses(window, "Create a passkey")
    assert "Your browser did not send a passkey." in window.inner_text("main")
