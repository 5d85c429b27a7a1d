"""The pages in the themes of the demo. A theme consists of templates and static files, without code."""

from __future__ import annotations

from typing import Any

import pytest
from demo.dresses import DRESSES
from django.core.management import call_command

from .measures import CUT_OFF, violations
from .test_methods import authenticator_code
from .test_walk import PHONE, click, code_for, looks_as_it_should, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

THEMED = [
    pytest.param(
        name, {"viewport": {"width": 320, "height": 740}, "color_scheme": scheme}, id=f"{name}-{scheme}"
    )
    for name, scheme in [
        ("bootstrap", "light"),
        ("bootstrap", "dark"),
        ("tailwind", "light"),
        ("tailwind", "dark"),
    ]
]


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    call_command("demo_users")


def chooses_theme(window: Any, name: str) -> None:
    """Choose a theme from the menu of the demo."""
    window.goto("/")
    with window.expect_navigation():
        window.get_by_role("button", name=DRESSES[name]).click()
    assert window.locator("[aria-pressed=true]").inner_text() == DRESSES[name]


def looked_at(window: Any, name: str) -> list[str]:
    """Return what is wrong with the page that is shown."""
    window.emulate_media(reduced_motion="reduce")
    looks_as_it_should(window, name)
    # Text for screen readers only, in a class with another name than Bootstrap's.
    cut_off = [wrong for wrong in window.evaluate(CUT_OFF) if ".sr-only:" not in wrong]
    return [f"{name}: {wrong}" for wrong in [*violations(window), *cut_off]]


@pytest.mark.parametrize(("name", "window"), THEMED, indirect=["window"])
def test_a_user_is_verified_in_a_theme_and_axe_finds_nothing(window: Any, name: str) -> None:
    sign_in(window, "demo")
    chooses_theme(window, name)
    wrong = []

    def look(page: str) -> None:
        wrong.extend(looked_at(window, f"{name}-{page}"))

    # Verify by text message, with a wrong code first.
    window.goto("/2fa/start/?next=/secret/")
    assert window.locator("link[href*='twilio_2fa.css']").count() == (name != "tailwind")
    look("start")
    click(window, "Text message")
    look("register")
    click(window, "Send code")
    look("register-error")
    submit(window, phone_number="202 555 0143")
    look("verify")
    submit(window, token="12")
    look("verify-error")
    submit(window, token=code_for(window, PHONE))
    assert window.url.endswith("/secret/")
    # Add an authenticator app.
    window.goto("/2fa/add/start/")
    click(window, "Authenticator app")
    click(window, "Continue")
    look("authenticator")
    submit(window, token=authenticator_code(window))
    window.goto("/2fa/devices/")
    look("devices")
    assert window.get_by_text("Authenticator app").first.is_visible()
    click(window, "Remove")
    look("remove")
    assert wrong == []


NO_SCRIPT = [
    pytest.param(name, {"java_script_enabled": False}, id=name) for name in ("bootstrap", "tailwind")
]


@pytest.mark.parametrize(("name", "window"), NO_SCRIPT, indirect=["window"])
def test_a_theme_works_without_javascript(window: Any, name: str) -> None:
    sign_in(window, "sam")
    chooses_theme(window, name)
    window.goto("/2fa/start/?next=/secret/")
    click(window, "Text message")
    assert not window.get_by_text("We check it as soon as it is complete.").is_visible()
    click(window, "Send the code again")
    submit(window, token=code_for(window, PHONE))
    assert window.url.endswith("/secret/")
