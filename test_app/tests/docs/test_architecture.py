"""The picture in docs/architecture.md shows the code as it is."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def picture() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        import picture
    finally:
        sys.path.pop(0)
    return picture


def test_every_module_is_in_one_box(picture: Any) -> None:
    assert sorted(room for group in picture.GROUPS for room in group.rooms) == picture.rooms()


def test_every_module_has_a_summary(picture: Any) -> None:
    rooms = [picture.main_file(room) for room in picture.rooms()]
    files = [*picture.files_of("process"), *picture.files_of("pages"), *rooms]
    assert [path.name for path in files if not picture.summary(path)] == []


def test_no_arrow_of_the_picture_leads_up(picture: Any) -> None:
    up = [(a.title, b.title) for a, b in picture.arrows() if b.row < a.row]
    assert up == []


def test_no_two_boxes_import_each_other(picture: Any) -> None:
    arrows = picture.arrows()
    assert [(a.title, b.title) for a, b in arrows if (b, a) in arrows] == []


def test_the_picture_shows_a_new_import(picture: Any, tmp_path: Path, monkeypatch: Any) -> None:
    package = tmp_path / "django_twilio_2fa"
    package.mkdir()
    (package / "models.py").write_text("def late():\n    from .verifier import Verifier\n")
    (package / "verifier.py").write_text("")
    monkeypatch.setattr(picture, "PACKAGE", package)
    assert list(picture.imported(package / "models.py")) == ["verifier"]


def test_no_chain_of_imports_is_longer_than_eighteen_files() -> None:
    providers = [path.parent.name for path in (DOCS.parent / "providers").glob("*/__init__.py")]
    graph = grimp.build_graph("django_twilio_2fa", *providers, cache_dir=None)

    @cache
    def chain(module: str) -> list[str]:
        imported = graph.find_modules_directly_imported_by(module)
        return [module, *max(map(chain, imported), key=len, default=[])]

    longest = max((chain(module) for module in graph.modules if ".migrations" not in module), key=len)
    assert len(longest) <= 18, " imports ".join(longest)
