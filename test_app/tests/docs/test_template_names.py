"""docs/templates.md names every block, every variable of a context and every variable of the stylesheet."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.template import Context

from ..people import Person

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "templates.md").read_text()
# The text of the page without the parts that are generated from the code.
SAID = re.sub(r"<!-- generated: .*?<!-- end -->", "", PAGE, flags=re.S)
NAMED = set(re.findall(r"`(\w+)`", SAID))


@pytest.fixture(scope="module")
def names() -> Any:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import template_names
    finally:
        sys.path.pop(0)
    return template_names


def test_blocks_and_names_are_read_from_a_template(names: Any) -> None:
    found = names.read(
        "x.html",
        """{% extends codes|yesno:"a.html,b.html" %}{% block hint %}{{ block.super }}{{ said|default:"no" }}
        {% for one in many %}{{ one.name }}{{ forloop.first }}{% endfor %}
        {% if not asked and left > 1 %}{% endif %}
        {% blocktranslate count n=number %}{{ n }}{% plural %}{{ other }}{% endblocktranslate %}
        {% include "c.html" with choice=picked primary=True %}{% endblock %}""",
    )
    assert found.blocks == ["hint"]
    assert found.names == ["codes", "said", "many", "asked", "left", "number", "other", "picked"]


def test_every_block_is_explained(names: Any) -> None:
    [tree] = re.findall(r"^```text\n(.*?)^```", SAID, re.S | re.M)
    explained = set(re.findall(r"─ (\w+)", tree))
    blocks = {block for template in names.templates() for block in template.blocks}
    assert blocks == explained


def test_every_name_in_a_template_is_explained(names: Any) -> None:
    missing = {t.name: unknown for t in names.templates() if (unknown := set(t.names) - NAMED)}
    assert missing == {}
    assert {t.name for t in names.templates()} >= {"_base.html", "verify.html", "totp/verify.html"}


# Names that come from Django and from the demo's context processors.
OTHERS = {"True", "False", "None", "csrf_token", "request", "user", "perms", "messages", "dresses", "dress"}
OTHERS |= {"DEFAULT_MESSAGE_LEVELS", "object", "object_list", "block"}


def context_of(person: Person) -> set[str]:
    """Return the names that a view has passed to the template of the page."""
    contexts = person.page.context
    contexts = [contexts] if isinstance(contexts, Context) else contexts
    [given] = [c for c in contexts if {"urls", "stylesheets"} <= {*c.flatten()}][:1]
    return {name for name in given.flatten() if not name.startswith("_")} - OTHERS


def test_every_name_that_a_page_gets_is_explained(demo: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "totp", "recovery"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0
    found: dict[str, set[str]] = {}

    def look(page: str) -> None:
        found[page] = context_of(demo) - NAMED

    demo.opens("start")
    look("start")
    demo.picks("sms")
    look("register")
    demo.registers()
    look("verify")
    demo.types_the_code()
    look("backup")
    demo.opens("devices")
    look("devices")
    demo.opens("/2fa/add/start/").picks("totp").posts()
    look("totp")
    demo.opens(f"/2fa/remove/{demo.verifier.registered()[0].id}/")
    look("remove")
    settings.TWILIO_2FA_ALLOWED_METHODS = []
    demo.opens("start")
    assert demo.is_at("failed")
    look("failed")
    assert {page: unknown for page, unknown in found.items() if unknown} == {}


def test_every_variable_of_the_stylesheet_is_in_the_table() -> None:
    css = (ROOT / "django_twilio_2fa/static/twilio_2fa/twilio_2fa.css").read_text()
    used = set(re.findall(r"(--twilio-2fa-[\w-]+)", css))
    assert used == set(re.findall(r"^\| `(--twilio-2fa-[\w-]+)` \|", PAGE, re.M))
