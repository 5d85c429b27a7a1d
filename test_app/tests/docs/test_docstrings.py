"""Docstrings begin with a verb or a noun, few with a question word. Ruff checks the verb (D401)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
FOLDERS = ("django_twilio_2fa", "providers", "test_app", "docs")
QUESTIONS = {"how", "what", "whatever", "when", "where", "whether", "which", "who", "whose", "why"}
RELATIVE = {"as", "but", "for", "if", "in", "nor", "of", "so", "such", "that", "those"}
# The greatest share of docstrings that may begin with one of these words.
SHARE = 1 / 50


def docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            text := ast.get_docstring(node)
        ):
            yield text


def begins_with_a_question(text: str) -> bool:
    first = re.match(r"\W*(\w+)", text)
    return bool(first) and first[1].lower() in QUESTIONS | RELATIVE


@pytest.mark.slow
def test_few_docstrings_begin_with_a_question_word() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    texts = [(path, text) for path in paths for text in docstrings(path.read_text())]
    assert len(texts) > 2000
    found = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path, text in texts
        if begins_with_a_question(text)
    ]
    assert len(found) <= len(texts) * SHARE, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ('"""Whether a user is verified."""', True),
        ('def f():\n    """What is sent."""', True),
        ('class C:\n    """Those of a user."""', True),
        ('"""`how` and why."""', True),
        ('"""Return whether a user is verified."""', False),
        ('"""The whole form."""', False),
    ],
)
def test_a_docstring_with_a_question_word_is_found(source: str, is_found: bool) -> None:
    assert [begins_with_a_question(text) for text in docstrings(source)] == [is_found]
