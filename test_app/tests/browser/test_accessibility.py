"""WCAG 2.2 AA in Chromium: each page with axe-core, and rules that axe-core cannot check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from .measures import SCHEMES, faults, seen, violations
from .test_walk import PHONE, click, code_for, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "whatsapp", "email", "totp", "recovery"]
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    call_command("demo_users")


def pages(window: Any) -> Iterator[str]:
    """Open each page and each state of it, and yield its name."""
    sign_in(window, "demo")
    window.goto("/secret/")
    yield "start, setting up"
    for summary in window.locator("summary").all():
        summary.click()
    yield "start, setting up, opened"
    click(window, "Text message")
    yield "register"
    click(window, "Send code")
    yield "register, with an error"
    submit(window, phone_number="202 555 0143")
    yield "verify, setting up"
    submit(window, token="12")
    yield "verify, with an error"
    window.goto("/2fa/start/")
    click(window, "Authenticator app")
    yield "register an authenticator"
    click(window, "Continue")
    yield "set up an authenticator"
    window.goto("/2fa/start/")
    click(window, "Text message")
    submit(window, phone_number="202 555 0150")
    yield "refused by Twilio, with an error"
    window.context.clear_cookies()
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    yield "start"
    click(window, "Text message")
    window.locator("summary").first.click()
    yield "verify"
    submit(window, token=code_for(window, PHONE))
    window.goto("/2fa/success/")
    yield "success"
    window.goto("/2fa/devices/")
    for summary in window.locator("summary").all():
        summary.click()
    yield "devices"
    click(window, "Remove")
    yield "remove"


def test_every_page_is_accessible_in_each_display_mode(window: Any) -> None:
    found, titles = {}, {}
    for name in pages(window):
        if wrong := list(faults(window)):
            found[name] = wrong
        title = titles[name] = window.title()
        assert title.startswith("Error: ") == ("error" in name), (name, title)
        assert title.removeprefix("Error: ").startswith(window.locator("h1").inner_text()), (name, title)
    assert found == {}
    assert titles["register"].startswith("Enter your phone number")
    assert titles["verify"].startswith("Check your phone")
    assert titles["devices"].startswith("How you get codes")


def test_axe_finds_nothing_with_the_stylesheet_alone(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_STYLESHEETS = []
    found = {}
    for name in pages(window):
        for scheme in SCHEMES:
            with seen(window, color_scheme=scheme):
                if wrong := violations(window):
                    found[name, scheme] = wrong
    assert found == {}


def test_the_accent_of_a_site_is_the_colour_of_every_link(window: Any, settings: Any) -> None:
    settings.TWILIO_2FA_STYLESHEETS = []
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    for scheme in SCHEMES:
        with seen(window, color_scheme=scheme):
            window.evaluate(
                "document.documentElement.style.setProperty('--twilio-2fa-accent', 'rgb(128, 0, 128)')"
            )
            colours = window.evaluate(
                "[...document.querySelectorAll('main a, main summary')].map((e) => getComputedStyle(e).color)"
            )
            assert len(colours) >= 3
            assert set(colours) == {"rgb(128, 0, 128)"}, scheme


def test_axe_finds_nothing_on_the_demo_and_its_messages(window: Any) -> None:
    window.emulate_media(reduced_motion="reduce")
    found = {}

    def look(page: str) -> None:
        for scheme in SCHEMES:
            with seen(window, color_scheme=scheme):
                found[page, scheme] = violations(window)

    window.goto("/login/")
    look("sign in")
    submit(window, username="sam", password="wrong")
    assert window.title().startswith("Error: ")
    look("sign in, with an error")
    for path in ("/", "/sandbox/", "/sandbox/?to=%2B12025550143"):
        window.goto(path)
        look(path)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


SHIFTS = """() => new Promise(resolve => {
  let shifted = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => { shifted += e.value; }))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(shifted), 300);
})"""


def test_pages_do_not_shift_while_they_load(window: Any) -> None:
    sign_in(window, "sam")
    for page in ("/2fa/start/", "/2fa/devices/"):
        window.goto(page)
        assert window.evaluate(SHIFTS) == 0, page
    window.goto("/2fa/start/")
    click(window, "Text message")
    assert window.evaluate(SHIFTS) == 0


def test_an_error_takes_the_focus_and_leads_to_the_field(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    click(window, "Text message")
    click(window, "Send code")
    summary = window.locator("[role=alert]:focus")
    summary.wait_for()
    assert "Enter your phone number" in summary.inner_text()
    summary.get_by_role("link").click()
    window.locator("[name=phone_number]:focus").wait_for()
    described = window.locator("[name=phone_number]").get_attribute("aria-describedby")
    assert "Enter your phone number" in [window.locator(f"#{id}").inner_text() for id in described.split()]


ROLES_AND_NAMES = """\
- main:
  - paragraph:
    - strong: localhost
    - text: Signed in as sam
  - heading "Check your phone" [level=1]
  - paragraph: Enter the code we texted to the number ending 0143.
  - paragraph: It may take a minute to arrive.
  - paragraph: The code works for 10 minutes. Do not share it with anyone.
  - text: Security code The code is 6 numbers
  - textbox "Security code"
  - checkbox "Do not ask for a code in this browser for 30 days"
  - text: Do not ask for a code in this browser for 30 days
  - button "Continue"
  - group: Not received a code?
  - status
  - link "Try another way"
  - button "Cancel this check"
  - paragraph:
    - link "I lost my phone"
  - link "Back to the site"
  - button "Sign out"
"""


def test_a_screen_reader_hears_the_verify_page_in_order(window: Any) -> None:
    sign_in(window, "sam")
    window.goto("/2fa/start/")
    click(window, "Text message")
    heard = window.locator("main").aria_snapshot()
    wanted = [line.strip() for line in ROLES_AND_NAMES.splitlines()[2:]]
    at = -1
    for line in wanted:
        lines = [part.strip().removesuffix(":") for part in heard.splitlines()]
        if "localhost" in line:
            continue
        line = line.removesuffix(":")
        assert line in lines[at + 1 :], (line, heard)
        at = lines.index(line, at + 1)
