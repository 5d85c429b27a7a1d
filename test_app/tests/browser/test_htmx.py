"""htmx swaps the steps in place, with one attribute on the body. All else works as without htmx."""

from __future__ import annotations

from typing import Any

import pytest
from demo.dresses import COOKIE
from django.core.management import call_command

from ..pages.test_templates import with_templates
from .test_passkey import Authenticator
from .test_walk import PHONE, code_for, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BASE = """{% extends "twilio_2fa/_base.html" %}{% load static %}
{% block scripts %}{{ block.super }}
<meta name="htmx-config" content='{"includeIndicatorStyles": false}'>
<script src="{% static 'demo/htmx-2.min.js' %}" defer></script>{% endblock %}
{% block body_attributes %} hx-boost="true"{% endblock %}"""


@pytest.fixture(autouse=True)
def users(transactional_db: None, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp"]
    call_command("demo_users")


@pytest.fixture(params=["htmx 2", "htmx 4"])
def swapped(request: Any, window: Any, settings: Any, live_server: Any) -> Any:
    """Return a window whose pages use htmx, in either version."""
    if request.param == "htmx 2":
        with_templates(settings, {"twilio_2fa/_base.html": BASE})
    else:
        window.context.add_cookies([{"name": COOKIE, "value": "htmx", "url": live_server.url}])
    return window


def presses(window: Any, words: str) -> None:
    window.locator("button, a").filter(has_text=words).first.click()


def is_at(window: Any, path: str, heading: str, title: str = "") -> None:
    """Assert that the page was swapped: a new heading, address and title in the same document."""
    window.get_by_role("heading", level=1, name=heading).wait_for()
    window.wait_for_url(f"**{path}*")
    assert window.title().startswith(title or heading)
    assert is_same_document(window)


def marks(window: Any, path: str) -> None:
    window.goto(path)
    window.locator("html").evaluate("e => { e.dataset.mark = 1; }")


def is_same_document(window: Any) -> bool:
    return bool(window.locator("html[data-mark]").count())


def is_loaded_again(window: Any, heading: str) -> None:
    loaded = window.locator("html:not([data-mark])")
    loaded.get_by_role("heading", level=1, name=heading).wait_for()


def test_steps_are_swapped_and_the_site_is_loaded_whole(swapped: Any) -> None:
    window = swapped
    sign_in(window, "demo")
    marks(window, "/2fa/start/?next=/secret/")
    presses(window, "Text message")
    is_at(window, "/2fa/register/", "Enter your phone number")
    # The field that a browser focuses on a new page has the focus.
    window.locator("[name=phone_number]:focus").wait_for()
    # The country follows a typed plus: the script of the pages works on swapped content.
    window.locator("[name=phone_number]").press_sequentially("+1 202")
    assert window.locator("[name=country_code]").input_value() in ("US", "CA")
    window.keyboard.press("Enter")
    window.locator("[role=alert]:focus").wait_for()
    is_at(window, "/2fa/register/", "Enter your phone number", "Error: Enter your phone number")
    window.get_by_role("alert").get_by_role("link").first.click()
    window.locator("[name=phone_number]:focus").fill("202 555 0143")
    window.keyboard.press("Enter")
    is_at(window, "/2fa/verify/", "Check your phone")
    # Only the script disables it, while it counts down.
    window.locator("[value=resend][data-countdown][disabled]").wait_for()
    code = code_for(window, PHONE)
    window.locator("[name=token]:focus").wait_for()
    # A complete code is sent without Enter.
    window.locator("[name=token]").press_sequentially("000000" if code != "000000" else "111111")
    window.locator("[role=alert]:focus").filter(has_text="incorrect").wait_for()
    assert is_same_document(window)
    window.locator("[name=token]").fill(code)
    is_loaded_again(window, "The secret")
    assert window.url.endswith("/secret/")
    assert window.locator("nav[aria-label=Main]").is_visible()


def test_back_and_links_out_of_the_wizard_load_whole_pages(swapped: Any) -> None:
    window = swapped
    sign_in(window, "sam")
    marks(window, "/2fa/start/")
    presses(window, "Text message")
    is_at(window, "/2fa/verify/", "Check your phone")
    presses(window, "Try another way")
    is_at(window, "/2fa/start/", "Check it is you")
    # No field has the focus: the heading is read out.
    window.locator("h1:focus").wait_for()
    # htmx stores no copy of these pages.
    kept = "JSON.stringify([sessionStorage, localStorage])"
    assert "twilio-2fa" not in window.evaluate(kept)
    window.go_back(wait_until="commit")
    is_loaded_again(window, "Check your phone")
    assert "/2fa/verify/" in window.url
    presses(window, "Try another way")
    window.get_by_role("heading", name="Check it is you").wait_for()
    presses(window, "Back to the site")
    is_loaded_again(window, "Hello, sam")
    assert window.locator("nav[aria-label=Main]").is_visible()


def test_a_form_is_sent_once_and_a_refusal_is_shown(swapped: Any) -> None:
    window = swapped
    posts: list[str] = []
    window.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    sign_in(window, "sam")
    posts.clear()
    marks(window, "/2fa/start/")
    window.get_by_text("Text message").first.dblclick()
    is_at(window, "/2fa/verify/", "Check your phone")
    assert len(posts) == 1
    # The user has signed out in another tab: the form is refused with 403.
    window.context.clear_cookies(name="sessionid")
    window.context.clear_cookies(name="csrftoken")
    window.locator("[name=token]").fill("12")
    window.keyboard.press("Enter")
    window.get_by_role("heading", name="This page is out of date").wait_for()
    # The browser logs the status.
    assert all("403" in text for text in window.complaints)
    window.complaints.clear()


def test_scripts_of_methods_work_on_what_is_swapped_in(swapped: Any, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["totp", "passkey"]
    window = swapped
    passkeys = Authenticator(window)
    sign_in(window, "demo")
    marks(window, "/2fa/start/?next=/secret/")
    presses(window, "Authenticator app")
    is_at(window, "/2fa/register/", "Set up your authenticator app")
    presses(window, "Continue")
    is_at(window, "/2fa/verify/", "Set up your authenticator app")
    window.get_by_role("button", name="Copy the key").wait_for()
    window.locator("[value=cancel]").click()
    is_at(window, "/2fa/start/", "Set up how you get codes")
    presses(window, "Passkey")
    is_at(window, "/2fa/register/", "Create a passkey")
    presses(window, "Continue")
    is_at(window, "/2fa/verify/", "Create a passkey")
    # htmx loads the scripts of a swapped page separately. A press before that posts no passkey.
    window.locator("form[data-ready]").wait_for()
    presses(window, "Create a passkey")
    is_loaded_again(window, "The secret")
    assert len(passkeys.credentials) == 1
