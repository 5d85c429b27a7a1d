"""Every page in every language, in Chromium, in a window as wide as a small phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders

from django_twilio_2fa.contacts import EmailAddress
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import register_device

from ..clock import pass_time
from ..languages import LANGUAGES, tag
from ..people import EMAIL, PHONE, Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

METHODS = ["sms", "call", "whatsapp", "email", "totp", "passkey", "recovery"]
STYLESHEETS = [
    "bootstrap/css/bootstrap.min.css",
    "fontawesomefree/css/all.min.css",
    "twilio_2fa/twilio_2fa.css",
]

# Shows each page in the window without loading it, and returns what does not fit.
TOO_WIDE = """pages => {
  const fault = () => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) {
      const boxes = [...document.querySelectorAll("body *")].map(e => [e, e.getBoundingClientRect()]);
      const beyond = boxes.find(([, b]) => b.width > 1 && (b.left < -1 || b.right > width + 1));
      return beyond ? `${beyond[0].tagName}: ${beyond[0].textContent.trim()}` : "the page";
    }
    const texts = document.querySelectorAll(".btn, h1, h2, label, .alert, .badge");
    const cut = [...texts].find(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1
      && !e.closest(".visually-hidden"));
    if (cut) return `${cut.tagName}: ${cut.textContent.trim()}`;
    // A number goes from left to right everywhere: the icon of an error is at its end.
    const covered = [...document.querySelectorAll("input.is-invalid")].map(e => [e, getComputedStyle(e)])
      .filter(([, style]) => style.backgroundImage !== "none")
      .find(([, style]) => /100%|right/.test(style.backgroundPositionX) === (style.direction === "rtl"));
    return covered ? `an icon over ${covered[0].name}` : "";
  };
  return pages.map(([name, html]) => {
    const made = new DOMParser().parseFromString(html, "text/html");
    document.documentElement.lang = made.documentElement.lang;
    document.documentElement.dir = made.documentElement.dir;
    document.body.replaceWith(made.body);
    return [name, fault()];
  }).filter(([, found]) => found);
}"""

# Returns the text of each page, including closed <details>.
WORDS = """pages => pages.map(([name, html]) => {
  document.body.replaceWith(new DOMParser().parseFromString(html, "text/html").body);
  document.querySelectorAll("details").forEach(e => { e.open = true; });
  return [name, document.body.innerText];
})"""

# Wrong punctuation: a Latin comma in Arabic, and a space between Chinese or Japanese words.
FOREIGN = {
    "ar": r".*[\u0600-\u06ff]\u2069?,.*",
    **dict.fromkeys(("ja", "zh_Hans", "zh_Hant"), r".*[、。\uff0c\u3040-\u9fff] [\u3040-\u9fff].*"),
}


@pytest.fixture(scope="module")
def small_window(chromium: Any) -> Iterator[Any]:
    """Return a window with the stylesheets of the pages. It needs no server."""
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    window = context.new_page()
    window.set_default_timeout(10_000)
    window.set_content("<!doctype html><html><head></head><body></body></html>")
    for sheet in STYLESHEETS:
        window.add_style_tag(path=finders.find(sheet))
    yield window
    context.close()


def settings_of_walk(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = METHODS
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = None
    settings.TWILIO_2FA_MAX_ATTEMPTS = 3


def newcomer_walks(person: Person) -> Iterator[str]:
    """Open each page that a user without devices sees, and yield its name."""
    yield person.opens("start") and "start"
    for method in METHODS:
        person.opens("start").picks(method)
        yield f"register-{method}"
    yield person.opens("start").picks("sms").registers("1") and "register-wrong"
    yield person.registers() and "verify-first"
    yield person.types("") and "verify-empty"
    yield person.types_a_wrong_code() and "verify-wrong"
    yield person.types_the_code() and "backup"
    yield person.opens("success") and "success"
    for method in ("totp", "passkey", "recovery"):
        person.opens("/2fa/add/").picks(method)
        yield f"add-{method}"
        person.posts()
        yield f"secret-{method}"


def owner_walks(person: Person) -> Iterator[str]:
    """Open each page that a user with a phone and an e-mail address sees, and yield its name."""
    yield person.opens("start") and "start-owner"
    for method in ("sms", "call", "whatsapp", "email"):
        yield person.opens("start").picks(method) and f"verify-{method}"
    yield person.posts(action="resend") and "resent"
    pass_time(601)
    yield person.types("123456") and "expired"
    person.opens("start").picks("sms").types_the_code()
    yield person.opens("devices") and "devices"
    yield person.opens("/2fa/add/") and "add"
    device = Device.objects.get(kind="email", user=person.user)
    yield person.opens(f"/2fa/remove/{device.pk}/") and "remove"
    yield person.posts() and "removed"
    last = Device.objects.get(user=person.user)
    yield person.opens(f"/2fa/remove/{last.pk}/") and "remove-last"
    yield person.opens(f"/2fa/change/{last.pk}/") and "change"
    yield person.picks("sms") and "change-sms"
    person.client.logout()
    person.client.force_login(person.user)
    person.opens("start").picks("sms")
    for n in range(3):
        person.types_a_wrong_code()
        yield f"wrong-{n}"
    yield person.opens("failed") and "failed"
    token = {"token": "123456"}
    person.client.logout()
    person.page = person.client.post(person.url("verify"), {**token, "verification": "x"}, follow=True)
    yield "signed-out"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_fits_a_small_phone(small_window: Any, settings: Any, language: str) -> None:
    settings_of_walk(settings)
    users = get_user_model().objects
    new, owner = (users.create_user(name, f"{name}@example.org") for name in ("new", "owner"))
    register_device(owner, PHONE)
    register_device(owner, EmailAddress(EMAIL))
    pages = []
    for user, walk in ((new, newcomer_walks), (owner, owner_walks)):
        person = Person(user.username)
        person.client.defaults["HTTP_ACCEPT_LANGUAGE"] = tag(language)
        for name in walk(person):
            pages.append((name, person.page.content.decode()))
            assert f'<html lang="{tag(language)}"' in pages[-1][1], name
    assert small_window.evaluate(TOO_WIDE, pages) == []
    if language in FOREIGN:
        read = small_window.evaluate(WORDS, pages)
        wrong = [(name, found) for name, text in read if (found := re.findall(FOREIGN[language], text))]
        assert wrong == []
    if folder := os.environ.get("TWILIO_2FA_PICTURES"):
        for name, html in pages:
            small_window.evaluate(TOO_WIDE, [(name, html)])
            small_window.screenshot(path=Path(folder) / f"{language}-{name}.png", full_page=True)


def test_a_word_that_does_not_fit_is_found(small_window: Any) -> None:
    page = "<!doctype html><html lang=de><body><p>%s</p></body></html>"
    told = [("narrow", page % "word"), ("wide", page % ("W" * 200))]
    assert [name for name, _fault in small_window.evaluate(TOO_WIDE, told)] == ["wide"]
