"""The documentation agrees with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generating_corrects_a_page_that_differs_from_the_code() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate
    finally:
        sys.path.pop(0)
    page = (ROOT / "docs" / "settings.md").read_text()
    assert generate.fresh(page.replace("TWILIO_2FA_TOKEN_LENGTH", "TWILIO_2FA_LENGTH")) == page


def test_every_page_that_is_linked_to_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|png|svg))\)", page.read_text()):
            assert (page.parent / target).is_file(), (page.name, target)


def test_the_generated_tables_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_compiles(page: Path) -> None:
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M):
        compile(code, page.name, "exec")


def outside_of_tables(text: str) -> list[str]:
    """Return the rows that a blank line separates from their table: a reader sees them as text."""
    lines = ["", *re.sub(r"^```.*?^```", "", text, flags=re.S | re.M).splitlines(), ""]
    return [
        line
        for before, line, after in zip(lines, lines[1:], lines[2:], strict=False)
        if line.startswith("|") and not before.startswith("|") and not after.startswith("|--")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_row_belongs_to_a_table(page: Path) -> None:
    assert outside_of_tables(page.read_text()) == []


def test_a_row_after_a_blank_line_is_found() -> None:
    table = "| name |\n|---|\n| `one` |\n"
    assert outside_of_tables(table) == []
    assert outside_of_tables(f"{table}\n| `two` |\n") == ["| `two` |"]


def test_every_test_that_the_security_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    code = "\n".join(path.read_text() for path in Path(__file__).resolve().parents[1].rglob("test_*.py"))
    assert len(named) > 60
    assert not {name for name in named if f"def {name}(" not in code}


def test_every_setting_that_is_named_exists() -> None:
    from django_twilio_2fa.conf import OLD_NAMES, RETIRED_NAMES, SETTINGS

    known = {*SETTINGS, *OLD_NAMES, *RETIRED_NAMES}
    for page in PAGES:
        named = set(re.findall(r"TWILIO_2FA_([A-Z][A-Z_0-9]+)", page.read_text()))
        assert named <= known | {"TEST_REQUIRE"}, page.name


def test_the_ceremony_of_the_providers_page_is_answered_once() -> None:
    import hashlib
    import secrets

    from django_twilio_2fa.models import Verification
    from django_twilio_2fa.providers import Checked, MethodProvider, Sent

    pieces = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "providers.md").read_text(), re.S | re.M)
    [code] = [piece for piece in pieces if "get_ceremony" in piece]
    scope = {"MethodProvider": MethodProvider, "Sent": Sent, "Checked": Checked, "_": str}
    scope |= {"hashlib": hashlib, "secrets": secrets, "read_seal": str}
    scope["is_sealed"] = lambda challenge, token, device: token == f"sealed {challenge}"
    exec(compile(code, "providers.md", "exec"), scope)
    provider, row = scope["SealProvider"](), Verification()
    row.data = provider.start(row).data
    answer = f"sealed {provider.get_ceremony(row)['challenge']}"
    for attempt, approved in ((1, True), (2, False)):
        row.attempts = attempt
        assert provider.check(row, provider.read_token(row, answer)).approved is approved
