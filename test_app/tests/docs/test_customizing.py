"""The examples of docs/customizing.md change what the page says they change."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.urls import clear_url_caches, include, path

from ..people import Person

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "customizing.md").read_text()
BLOCK = re.compile(r"^```\w+\n(?:# |/\* |{# )(mysite/\S+)[^\n]*\n(.*?)^```", re.S | re.M)


def files() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, code in BLOCK.findall(PAGE):
        found[name] = found.get(name, "") + code
    return found


@pytest.fixture
def pat(settings: Any, tmp_path: Path, monkeypatch: Any, django_user_model: Any) -> Iterator[Person]:
    """Return a user of a site that uses every example of the page."""
    for name, code in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    engine = settings.TEMPLATES[0]
    options = {name: value for name, value in engine["OPTIONS"].items() if name != "loaders"}
    templates = [{"BACKEND": engine["BACKEND"], "DIRS": [], "APP_DIRS": True, "OPTIONS": options}]
    told: dict[str, Any] = {"TEMPLATES": templates, "BASE_DIR": tmp_path}
    exec(files()["mysite/settings.py"], told)
    for name, value in told.items():
        if name.isupper() and name != "BASE_DIR":
            setattr(settings, name, value)

    for name in ("mysite", "mysite.checkout", "mysite.urls"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    exec(files()["mysite/checkout.py"], sys.modules["mysite.checkout"].__dict__)
    site: dict[str, Any] = sys.modules["mysite.urls"].__dict__
    site |= {"urlpatterns": [path("", include(settings.ROOT_URLCONF))], "path": path, "include": include}
    exec(files()["mysite/urls.py"], site)
    settings.ROOT_URLCONF = "mysite.urls"
    clear_url_caches()
    django_user_model.objects.create_user("pat")
    yield Person("pat")
    clear_url_caches()


def test_every_example_of_the_page_is_used() -> None:
    blocks = re.findall(r"^```\w+\n", PAGE, re.M)
    assert len(BLOCK.findall(PAGE)) == len(blocks) == 8
    assert {name.partition("/")[2] for name in files()} == {
        "settings.py",
        "urls.py",
        "checkout.py",
        "static/mysite/two_factor.css",
        "templates/twilio_2fa/_base.html",
        "templates/twilio_2fa/verify.html",
        "templates/twilio_2fa/call/verify.html",
    }


def test_the_stylesheet_comes_after_that_of_the_package(pat: Person) -> None:
    page = pat.opens("start").page.content.decode()
    sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert sheets[-2:] == ["/static/twilio_2fa/twilio_2fa.css", "/static/mysite/two_factor.css"]


def test_the_variables_of_the_stylesheet_exist() -> None:
    css = (
        Path(__file__).resolve().parents[3] / "django_twilio_2fa/static/twilio_2fa/twilio_2fa.css"
    ).read_text()
    named = set(re.findall(r"(--twilio-2fa-[\w-]+):", files()["mysite/static/mysite/two_factor.css"]))
    assert named
    assert named <= set(re.findall(r"(--twilio-2fa-[\w-]+):", css))


def test_the_settings_change_words(pat: Person) -> None:
    page = pat.opens("start").page.content.decode()
    assert "Our shop" in page
    assert 'href="mailto:help@example.com"' in page
    assert "Text to your phone" in page


def test_the_error_has_the_text_of_the_settings(pat: Person) -> None:
    pat.opens("start").picks("sms").registers()
    for _ in range(5):
        pat.types_a_wrong_code()
    assert "Too many wrong codes. Come back in " in pat.text


@pytest.mark.parametrize("method", ["sms", "call"])
def test_the_templates_change_their_pages(pat: Person, method: str) -> None:
    page = pat.opens("start").picks(method).registers().text
    assert "We never ask for a code by phone." in page
    assert ("Pick up your phone" in page) is (method == "call")


def test_the_checkout_asks_for_consent_and_stores_the_answer(pat: Person) -> None:
    pat.opens("/checkout/")
    assert "I have read the terms" in pat.text
    pat.posts()
    assert "I have read the terms" in pat.text
    pat.posts(agree="on")
    assert list(pat.page.context["methods"]) == ["sms", "call"]
    pat.picks("sms").registers()
    pat.types_the_code()
    assert pat.client.session["agreed"] is True
