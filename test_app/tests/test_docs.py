"""What the docs say is what the code says."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_tables_are_fresh() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate
    finally:
        sys.path.pop(0)
    assert generate.stale() == []
    # It would notice: a page that says something else is stale.
    page = (ROOT / "docs" / "settings.md").read_text()
    assert generate.fresh(page.replace("TWILIO_2FA_TOKEN_LENGTH", "TWILIO_2FA_LENGTH")) == page


def test_every_page_that_is_linked_to_exists() -> None:
    import re

    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|png|svg))\)", page.read_text()):
            assert (page.parent / target).is_file(), (page.name, target)
