"""WCAG 2.2 AA in Chromium: what axe-core sees on each page, in both schemes, and what it cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from .test_walk import PHONE, click, code_for, fits, looks_as_it_should, sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCHEMES = [
    pytest.param({"viewport": {"width": 390, "height": 740}, "color_scheme": scheme}, id=scheme)
    for scheme in ("light", "dark")
]
# WCAG 1.4.10: 1280 pixels at 400 %.
NARROW = [pytest.param({"viewport": {"width": 320, "height": 256}, "bypass_csp": True}, id="320")]
# WCAG 1.4.4: 1280 pixels at 200 %.
ZOOMED = [pytest.param({"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}, id="zoomed")]
FORCED = [pytest.param({"viewport": {"width": 390, "height": 740}, "forced_colors": "active"}, id="forced")]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# The text spacing of WCAG 1.4.12.
SPACING = """* {
  line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important;
}
p { margin-bottom: 2em !important; }"""

# What can be pressed and is smaller than WCAG 2.5.8 wants. A label is part of its box.
SMALL_TARGETS = """() => [...document.querySelectorAll("main :is(a, button, summary, input, select)")]
  .filter(e => e.checkVisibility() && !e.closest(".alert, [type=hidden]"))
  .map(e => [e.textContent.trim() || e.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([words, box]) => `${words}: ${box.width} x ${box.height}`)"""

# What does not fit into its box. The caret needs a pixel.
CUT_OFF = """() => [...document.querySelectorAll("main *")]
  .filter(e => e.checkVisibility() && !e.closest(".visually-hidden") && e.scrollWidth > e.clientWidth + 1)
  .filter(e => getComputedStyle(e).display !== "inline" && e.clientWidth > 0)
  .map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)"""


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_HELP_URL = "/lost/"
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "whatsapp", "email", "totp", "recovery"]
    settings.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
    call_command("demo_users")


@cache
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


def violations(window: Any) -> list[str]:
    """Return what axe-core finds on the page, with the elements."""
    window.evaluate(axe())
    rules = {"runOnly": TAGS, "resultTypes": ["violations"]}
    found = window.evaluate("rules => axe.run(document, rules)", rules)["violations"]
    return [f"{v['id']}: {n['html']} {n['failureSummary']}" for v in found for n in v["nodes"]]


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


@pytest.mark.parametrize("window", SCHEMES, indirect=True)
def test_axe_finds_nothing_on_any_page(window: Any) -> None:
    # Bootstrap changes colours gradually: a page is looked at when it stands still.
    window.emulate_media(reduced_motion="reduce")
    found = {}
    for name in pages(window):
        if wrong := violations(window):
            found[name] = wrong
    assert found == {}


@pytest.mark.parametrize("window", SCHEMES, indirect=True)
def test_axe_finds_nothing_on_the_demo_and_its_messages(window: Any) -> None:
    window.emulate_media(reduced_motion="reduce")
    found = {}
    window.goto("/login/")
    found["sign in"] = violations(window)
    submit(window, username="sam", password="wrong")
    assert window.title().startswith("Error: ")
    found["sign in, with an error"] = violations(window)
    for path in ("/", "/sandbox/", "/sandbox/?to=%2B12025550143"):
        window.goto(path)
        found[path] = violations(window)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("window", NARROW, indirect=True)
def test_pages_reflow_at_320_pixels_with_text_spacing(window: Any) -> None:
    cut = {}
    for name in pages(window):
        assert fits(window), name
        window.add_style_tag(content=SPACING)
        if not fits(window) or window.evaluate(CUT_OFF):
            cut[name] = window.evaluate(CUT_OFF)
    assert cut == {}


@pytest.mark.parametrize("window", ZOOMED, indirect=True)
def test_pages_fit_at_200_percent(window: Any) -> None:
    for name in pages(window):
        assert fits(window), name


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


def test_what_can_be_pressed_has_24_pixels(window: Any) -> None:
    small = {name: found for name in pages(window) if (found := window.evaluate(SMALL_TARGETS))}
    assert small == {}


@pytest.mark.parametrize("window", FORCED, indirect=True)
def test_forced_colors_leave_lines_and_steps(window: Any) -> None:
    sign_in(window, "demo")
    window.goto("/2fa/start/")
    looks_as_it_should(window, "forced-start")
    for element in (".twilio-2fa-choice", ".twilio-2fa-icon", ".twilio-2fa-steps > li"):
        style = "e => [getComputedStyle(e).borderTopStyle, parseFloat(getComputedStyle(e).borderTopWidth)]"
        line, width = window.locator(element).first.evaluate(style)
        assert (line, width >= 1) == ("solid", True), element


def test_titles_say_the_step_and_first_an_error(window: Any) -> None:
    titles = {}
    for name in pages(window):
        title = window.title()
        assert title.startswith("Error: ") == ("error" in name), (name, title)
        assert title.removeprefix("Error: ").startswith(window.locator("h1").inner_text()), (name, title)
        titles[name] = title
    assert titles["register"].startswith("Enter your phone number")
    assert titles["verify"].startswith("Check your phone")
    assert titles["devices"].startswith("How you get codes")


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
