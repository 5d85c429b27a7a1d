"""Every code block of the docs runs, here or in a named test, or is marked with a reason.

A block that cannot run has a line above it: `<!-- not run: the reason -->`.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from importlib.metadata import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import polib
import pytest
from django.contrib import admin
from django.core.checks import run_checks
from django.core.management import get_commands, load_command_class
from django.template import engines

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"(?:^<!-- (not run: [^\n]+) -->\n)?^```([\w+{}-]*)\n(.*?)^```", re.S | re.M)

# Blocks that another test runs: the page, the language, and text that is in the block.
ELSEWHERE = {
    ("access.md", "json", ""): "access/test_recipes.py",
    ("access.md", "python", ""): "access/test_recipes.py",
    ("api.md", "bash", ""): "docs/test_api_docs.py",
    ("customizing.md", "css", ""): "docs/test_customizing.py",
    ("customizing.md", "django", ""): "docs/test_customizing.py",
    ("customizing.md", "python", ""): "docs/test_customizing.py",
    ("quickstart.md", "console", ""): "packaging/test_quickstart.py",
    ("quickstart.md", "python", ""): "packaging/test_quickstart.py",
    ("recipes.md", "python", ""): "docs/test_api_docs.py",
    ("sandbox.md", "js", ""): "sandbox/test_standalone.py",
    ("sandbox.md", "python", "from twilio.rest import Client"): "sandbox/test_standalone.py",
    ("sandbox.md", "sh", ""): "sandbox/test_standalone.py",
    ("testing.md", "ini", ""): "packaging/test_distribution.py",
    ("testing.md", "python", ""): "packaging/test_distribution.py",
}


class Block(NamedTuple):
    page: str
    number: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}-{self.language}"


def is_run_elsewhere(page: Path, language: str, code: str) -> bool:
    return any((page.name, language) == (p, kind) and text in code for p, kind, text in ELSEWHERE)


def blocks(*languages: str) -> list[Block]:
    """Return the blocks that are neither marked nor run elsewhere."""
    return [
        Block(page.name, number, language, code)
        for page in PAGES
        for number, (mark, language, code) in enumerate(FENCE.findall(page.read_text()), 1)
        if not mark and language in languages and not is_run_elsewhere(page, language, code)
    ]


def test_every_block_is_run_or_marked() -> None:
    known = {"python", "django", "html+django", "po", "json", "console", "toml", "{toctree}"}
    for page in PAGES:
        for mark, language, code in FENCE.findall(page.read_text()):
            where = (page.name, code[:80])
            assert mark or language in known or is_run_elsewhere(page, language, code), where


def test_tests_that_run_blocks_elsewhere_read_their_pages() -> None:
    for (page, *_), name in ELSEWHERE.items():
        assert page in (ROOT / "test_app" / "tests" / name).read_text(), (page, name)


def module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(names)
    return made


@pytest.fixture
def site(settings: Any, monkeypatch: Any) -> dict[str, Any]:
    """Return the names that the blocks take for granted, because a reader's file already has them."""
    from demo.challenge import Sum
    from demo.pigeon.provider import PigeonProvider
    from django import forms
    from django.urls import include, path
    from django.utils.crypto import constant_time_compare
    from django.utils.translation import gettext_lazy
    from django.views.generic import TemplateView

    from django_twilio_2fa.digests import digest
    from django_twilio_2fa.models import Device
    from django_twilio_2fa.providers import Checked, MethodProvider, Sent

    callbacks = {name: lambda *args: "" for name in ("phone_of", "email_of", "client_address", "words")}
    monkeypatch.setitem(sys.modules, "shop", module("shop"))
    monkeypatch.setitem(sys.modules, "shop.twofactor", module("shop.twofactor", **callbacks))
    monkeypatch.setitem(sys.modules, "shop.pigeon", module("shop.pigeon"))
    monkeypatch.setitem(
        sys.modules, "shop.pigeon.provider", module("shop.pigeon.provider", PigeonProvider=PigeonProvider)
    )
    monkeypatch.setenv("VAPID_PRIVATE_KEY", "")
    return {
        "__name__": "a_block",
        "BASE_DIR": ROOT,
        "Checked": Checked,
        "Device": Device,
        "INSTALLED_APPS": list(settings.INSTALLED_APPS),
        "MIDDLEWARE": list(settings.MIDDLEWARE),
        "MethodProvider": MethodProvider,
        "SECRET_KEY": settings.SECRET_KEY,
        "Sent": Sent,
        "Sum": Sum,
        "TemplateView": TemplateView,
        "TermsForm": forms.Form,
        "_": gettext_lazy,
        "constant_time_compare": constant_time_compare,
        "digest": digest,
        "include": include,
        "os": os,
        "path": path,
        "urlpatterns": [],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_the_python_of_a_block_runs(block: Block, site: dict[str, Any], settings: Any) -> None:
    registered = dict(admin.site._registry)
    before = dict(site)
    try:
        exec(compile(block.code, str(block), "exec"), site)
    finally:
        admin.site._registry = registered
    for name, value in site.items():
        if name.startswith("TWILIO_2FA_"):
            setattr(settings, name, value)
    settings.TWILIO_2FA_SANDBOX = True
    # The settings exist, and their values are valid.
    assert [str(e) for e in run_checks() if (e.id or "").startswith("twilio_2fa.E")] == []
    assert site != before or "register()" in block.code


@pytest.mark.parametrize("block", blocks("django", "html+django"), ids=str)
def test_the_template_of_a_block_compiles_and_renders(block: Block) -> None:
    engines["django"].from_string(block.code).render({"form": "", "passwordless": None})


@pytest.mark.parametrize("block", blocks("po"), ids=str)
def test_the_catalogue_of_a_block_has_sentences_of_the_package(block: Block, tmp_path: Path) -> None:
    (tmp_path / "django.po").write_text(block.code)
    named = {(e.msgctxt, e.msgid) for e in polib.pofile(str(tmp_path / "django.po"))}
    ours = polib.pofile(str(ROOT / "django_twilio_2fa/locale/de/LC_MESSAGES/django.po"))
    theirs = polib.pofile(str(ROOT / "providers/twilio_2fa_recovery/locale/de/LC_MESSAGES/django.po"))
    assert named
    assert named <= {(e.msgctxt, e.msgid) for catalogue in (ours, theirs) for e in catalogue}


def commands() -> list[tuple[str, str]]:
    """Return each command that a page tells readers to enter, in a block, an indented line or a sentence."""
    found = set()
    for page in PAGES:
        text = page.read_text()
        begins = r"(?:python )?manage\.py|make|pip"
        consoles = "\n".join(code for _, kind, code in FENCE.findall(text) if kind == "console")
        for line in re.findall(rf"^(?: {{4}}|\$ )+((?:{begins}) [^\n]*)", text, re.M):
            found.add((page.name, line))
        for line in re.findall(rf"^(?:\$ )?((?:{begins}) [^\n]*)", consoles, re.M):
            found.add((page.name, line))
        for line in re.findall(rf"`((?:{begins}) [^`\n]+)`", text):
            found.add((page.name, line))
    return sorted(found)


def test_every_documented_command_exists_and_takes_its_options() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    extras = set(metadata("django-twilio-2fa").get_all("Provides-Extra") or ())
    known = get_commands()
    tried = 0
    for page, line in commands():
        words = shlex.split(line.partition("  #")[0].replace("…", ""))
        if words[0] == "make":
            assert words[1] in targets, (page, line)
        elif words[0] == "pip":
            for extra in re.findall(r"django-twilio-2fa\[([\w,]+)\]", line):
                assert set(extra.split(",")) <= extras, (page, line)
        else:
            name, *arguments = words[words.index("manage.py") + 1 :]
            assert name in known, (page, line)
            if len(words) > 2 and not {"FOLDER", "USER"} & set(words):
                app = known[name]
                command = load_command_class(app, name) if isinstance(app, str) else app
                command.create_parser("manage.py", name).parse_args(arguments)
                tried += 1
    assert tried >= 8


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and Sphinx make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    headings = [heading.strip().lower() for heading in re.findall(r"^#{1,3} (.*)", text, re.M)]
    made = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
    # Sphinx writes a hyphen for a dot between letters: manage.py.
    return made | {re.sub(r"[^\w\-]+", "-", heading.replace("`", "")).strip("-") for heading in headings}


LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    return [one or other for one, other in LINK.findall(re.sub(r"`[^`\n]*`", "", text))]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"https?://|mailto:", link):
            host = re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/[\w./#?=&%~+:@-]*)?", link)
            assert host or link.startswith("http://localhost:8000/"), (page.name, link)
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), (page.name, link)
        if anchor:
            assert anchor in slugs(path), (page.name, link)


def test_the_pages_show_exactly_the_pictures_that_exist() -> None:
    shown = {ROOT / "docs" / "images" / "architecture.svg"}
    for page in PAGES:
        names = re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", page.read_text())
        shown |= {(page.parent / name).resolve() for name in names if "://" not in name}
    assert shown == set((ROOT / "docs" / "images").iterdir())
    assert sum(path.stat().st_size for path in shown) < 1_000_000


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[there](#one)\n")
    test_every_link_leads_somewhere(page)
    for wrong in ("[a](#two)", "[a](other.md)", "<http://example.com>"):
        page.write_text(f"# One\n\n{wrong}\n")
        with pytest.raises(AssertionError):
            test_every_link_leads_somewhere(page)
