"""Names of tests: each says what the code does, and can be understood alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
FOLDERS = (ROOT / "test_app" / "tests", ROOT / "django_twilio_2fa" / "testing")
LONGEST = 60
# First words of names that cannot be understood without the name above or the name of the class.
CONTINUES = ("and", "but", "nor", "not", "or", "so")
PRONOUNS = ("it", "its", "they", "them", "their", "this", "these", "those", "such")


def names_of_tests(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def faults(name: str) -> list[str]:
    too_long = [f"{len(name)} characters"] if len(name) > LONGEST else []
    first = [f"begins with {word}" for word in (*CONTINUES, *PRONOUNS) if name.startswith(f"test_{word}_")]
    return [*too_long, *first, *(["ends with too"] if name.endswith("_too") else [])]


def test_test_names_are_short_and_can_be_read_alone() -> None:
    names = [
        name
        for folder in FOLDERS
        for path in folder.rglob("*.py")
        for name in names_of_tests(path.read_text())
    ]
    assert len(names) > 1000
    assert {name: found for name in names if (found := faults(name))} == {}


def test_a_name_that_cannot_be_read_alone_is_found() -> None:
    [name] = names_of_tests(f"class TestIt:\n    async def test_{'x' * 60}(self): ...")
    assert faults(name) == ["65 characters"]
    assert faults("test_nor_over_the_api") == ["begins with nor"]
    assert faults("test_it_is_shown") == ["begins with it"]
    assert faults("test_the_api_says_so_too") == ["ends with too"]
    assert faults("test_notices_are_sent") == []
    assert faults("test_items_are_tools") == []
