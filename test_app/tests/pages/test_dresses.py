"""The themes of the demo, which sites may copy: folders of templates and static files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from demo.dresses import COOKIE, DRESSES, HERE

from ..people import Person


def looks(person: Person) -> str:
    return person.opens("start").page.content.decode()


def test_the_menu_changes_the_templates_for_one_visitor(pat: Person) -> None:
    assert "bootstrap.min.css" in looks(pat)
    pat.client.post("/dress/", {"dress": "tailwind"})
    assert "utilities.css" in looks(pat)
    assert "bootstrap" not in looks(pat)
    assert "bootstrap.min.css" in looks(Person("pat"))
    pat.client.post("/dress/", {"dress": "bootstrap"})
    assert "meadow.css" in looks(pat)
    pat.client.post("/dress/", {"dress": ""})
    assert "meadow.css" not in looks(pat)


@pytest.mark.parametrize("name", ["../..", "/etc", "nothing"])
def test_a_cookie_cannot_select_another_folder(pat: Person, name: str) -> None:
    before = looks(pat)
    pat.client.cookies[COOKIE] = name
    assert len(looks(pat)) == len(before)


def test_themes_contain_only_templates_and_static_files() -> None:
    for name in filter(None, DRESSES):
        found = [path for path in (HERE / name).rglob("*") if path.is_file() and path.name != "htmx-LICENSE"]
        assert found
        assert {path.suffix for path in found} <= {".html", ".css", ".js"}


def classes(template: Path) -> set[str]:
    """Return the classes that a template names, also in tags."""
    text = template.read_text()
    in_tags = re.findall(r'(?:class\+|WIDGET_ERROR_CLASS)="([^"]*)"', text)
    in_html = re.findall(r' class="([^"]*)"', re.sub(r"{%.*?%}", " ", text))
    return {name for names in in_tags + in_html for name in names.split()}


def test_every_utility_class_is_defined_and_used() -> None:
    css = (HERE / "tailwind/static/demo/utilities.css").read_text()
    defined = {name.replace("\\", "") for name in re.findall(r"^\s*\.((?:[\w-]|\\:)+)", css, re.M)}
    used = set().union(*map(classes, (HERE / "tailwind").rglob("*.html")))
    assert used == defined
