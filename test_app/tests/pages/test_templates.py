"""The context of the templates, and templates that sites override."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ..clock import pass_time
from ..people import PHONE, Person

# Templates written for 0.32: plain fields, no prefix, no hidden fields, links by URL name.
OLD = {
    "twilio_2fa/start.html": """{% for m in methods.values %}<form method="post">{% csrf_token %}
        <button name="method" value="{{ m.value }}"><i class="{{ m.icon }}"></i>{{ m.label }}</button></form>
        {% endfor %}{{ phone_number }}{{ email }}""",
    "twilio_2fa/register.html": """<form method="post">{% csrf_token %}
        {{ form.country_code }}{{ form.phone_number }}</form>
        {% if is_optional %}<a href="{{ skip_href }}">skip</a>{% endif %}""",
    "twilio_2fa/verify.html": """{{ message }}{{ obfuscated_value }}{{ method.label }}<form method="post">
        {% csrf_token %}{{ form.token }}</form>
        <a href="{% url 'twilio_2fa:start' %}?action=retry">again</a>""",
    "twilio_2fa/success.html": "{{ message }}{{ next_url }}",
    "twilio_2fa/failed.html": """{{ error_code }}: {{ error_display }}{% if can_retry and not is_blocking %}
        <a href="{% url 'twilio_2fa:start' %}?c=1">retry</a>{% endif %}""",
}


def with_templates(settings: Any, templates: dict[str, str]) -> None:
    own = ("django.template.loaders.locmem.Loader", templates)
    options = {
        **settings.TEMPLATES[0]["OPTIONS"],
        "loaders": [own, "django.template.loaders.app_directories.Loader"],
    }
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]


def test_templates_of_0_32_lead_through_all_steps(demo: Person, settings: Any) -> None:
    with_templates(settings, OLD)
    demo.opens("/secret/").posts(method="sms").posts(country_code="US", phone_number="202 555 0143")
    assert "(XXX) XXX-0143" in demo.text
    demo.types_a_wrong_code().types_the_code()
    assert demo.path == "/secret/"
    again = Person("demo").opens("start").posts(method="call")
    assert again.types_the_code().is_verified
    assert "We have checked it is you" in again.text


def test_secrets_are_shown_even_without_a_place_in_the_template(sam: Person, settings: Any) -> None:
    # 0.32 had no method that shows a secret, so its templates have no place for a secret.
    with_templates(settings, OLD)
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "totp", "recovery"]
    for method, seen in (("totp", "twilio-2fa-secret"), ("recovery", "twilio-2fa-codes")):
        sam.opens("start").picks("sms").types_the_code()
        sam.posts("/2fa/add/start/", method=method).posts("/2fa/add/register/")
        assert sam.path == "/2fa/add/verify/"
        assert seen in sam.page.content.decode()
        sam.posts(action="cancel")
        pass_time(60)
    # If there is no secret to show, the site's template is used.
    assert "again</a>" in sam.opens("start").picks("sms").page.content.decode()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("start", {"methods", "phone_number", "email"}),
        ("register", {"form", "is_optional", "skip_href"}),
        ("verify", {"form", "method", "obfuscated_value", "message"}),
        ("success", {"message", "next_url"}),
        ("failed", {"error_code", "error_display", "is_blocking", "verification_id", "can_retry"}),
    ],
)
def test_each_page_has_the_context_of_0_32(demo: Person, settings: Any, page: str, names: set[str]) -> None:
    demo.opens("start")
    if page != "start":
        demo.picks("sms")
    if page in ("verify", "success"):
        demo.registers()
    if page == "success":
        demo.types_the_code()
    if page == "failed":
        settings.TWILIO_2FA_ALLOW_REGISTRATION = False
        demo.opens("start")
    assert demo.is_at(page)
    assert not [name for name in names if name not in demo.page.context]


def test_a_method_may_have_separate_templates(demo: Person, settings: Any) -> None:
    own = '{% extends "twilio_2fa/verify.html" %}{% block hint %}Look at your wrist.{% endblock %}'
    with_templates(
        settings,
        {"twilio_2fa/sms/verify.html": own, "twilio_2fa/sms/register.html": "wrist {{ form.phone_number }}"},
    )
    demo.opens("start").picks("sms")
    assert demo.text.startswith("wrist")
    assert "Look at your wrist." in demo.registers().text
    other = Person("demo").opens("start").picks("call").registers("202 555 0147")
    assert "wrist" not in other.text


@pytest.mark.parametrize(
    "block", ["title", "stylesheets", "scripts", "header", "header_icon_class", "header_text", "content"]
)
def test_each_block_of_the_base_can_be_replaced(pat: Person, settings: Any, block: str) -> None:
    own = '{% extends "twilio_2fa/_base.html" %}{% block ' + block + " %}REPLACED{% endblock %}"
    with_templates(settings, {"twilio_2fa/start.html": own})
    assert "REPLACED" in pat.opens("start").page.content.decode()


def test_an_invalid_field_is_marked(demo: Person) -> None:
    html = demo.opens("start").picks("sms").registers("555").page.content.decode()
    assert "is-invalid" in html
    assert 'role="alert"' in html


def attributes(html: str, name: str) -> dict[str, str]:
    """Return the attributes of the field with this name."""
    found = re.search(rf'<(?:input|select)[^>]* name="{name}"[^>]*>', html)
    assert found, html
    return dict(re.findall(r' ([\w-]+)="([^"]*)"', found[0]))


def aria(html: str, name: str) -> dict[str, str]:
    return {k: v for k, v in attributes(html, name).items() if k.startswith("aria-")}


@pytest.mark.parametrize(
    ("method", "posts", "field"),
    [
        ("sms", {"country_code": "US", "phone_number": "555"}, "phone_number"),
        ("email", {"email": "x"}, "email"),
    ],
)
def test_an_invalid_field_has_aria_attributes(
    demo: Person, method: str, posts: dict[str, str], field: str
) -> None:
    # Before Django 5.2, this package adds the attributes.
    html = demo.opens("start").picks(method).page.content.decode()
    help = f"id_{field}_helptext " if method == "sms" else ""
    assert aria(html, field) == ({"aria-describedby": help.strip()} if help else {})
    html = demo.posts(**posts).page.content.decode()
    assert aria(html, field) == {"aria-invalid": "true", "aria-describedby": f"{help}id_{field}_error"}
    assert f'id="id_{field}_error"' in html
    if method == "sms":
        assert aria(html, "country_code") == {}


def test_the_field_of_a_wrong_code_has_aria_attributes(pat: Person) -> None:
    html = pat.opens("start").picks("sms").page.content.decode()
    assert aria(html, "token") == {"aria-describedby": "id_token_helptext"}
    for wrong in (pat.types_a_wrong_code, lambda: pat.types("")):
        html = wrong().page.content.decode()
        assert aria(html, "token") == {
            "aria-invalid": "true",
            "aria-describedby": "id_token_helptext id_token_error",
        }
        assert 'id="id_token_error"' in html
        assert aria(html, "verification") == {}


def test_a_sites_own_field_is_described_by_help_and_error(demo: Person, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.mounts"
    person = Person("demo", mount="helpful").opens("/helpful/start/").picks("sms")
    assert aria(person.page.content.decode(), "nickname") == {"aria-describedby": "id_nickname_helptext"}
    assert aria(person.page.content.decode(), "told") == {"aria-describedby": "own"}
    person.posts(country_code="US", phone_number="202 555 0143", nickname="", told="")
    both = {"aria-invalid": "true", "aria-describedby": "id_nickname_helptext id_nickname_error"}
    assert aria(person.page.content.decode(), "nickname") == both
    assert aria(person.page.content.decode(), "told")["aria-describedby"] == "own"


def test_default_stylesheets_come_from_a_cdn_with_hashes(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_STYLESHEETS = None
    html = pat.opens("start").page.content.decode()
    assert html.count('integrity="sha384-') == html.count('crossorigin="anonymous"') == 2


def test_the_label_of_a_method_is_escaped(pat: Person, settings: Any) -> None:
    settings.TWILIO_2FA_METHOD_DETAILS = {"sms": {"label": "<img src=x>", "icon": '"><img src=y>'}}
    for person in (pat.opens("start"), pat.picks("sms")):
        assert "<img" not in person.page.content.decode()


def test_the_html_element_has_the_language_and_direction(pat: Person) -> None:
    page = pat.client.get("/2fa/start/", HTTP_ACCEPT_LANGUAGE="de")
    assert '<html lang="de" dir="ltr">' in page.content.decode()
    page = pat.client.get("/2fa/start/", HTTP_ACCEPT_LANGUAGE="ar")
    assert 'dir="rtl"' in page.content.decode()
    assert PHONE not in page.content.decode()
