"""The code of the package names no method: providers declare what the package needs to know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import django_twilio_2fa
from django_twilio_2fa.providers.installed import get_providers

PACKAGE = Path(django_twilio_2fa.__file__).parent
# `email` is also a kind of device. The sandbox has channels of these names, as Twilio does, and rows of
# other packages that are imported have these names as well.
NAMES = set(get_providers()) - {"email"}
EXEMPT = ("sandbox", "importing")


def literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_method_name_is_a_string_in_this_package() -> None:
    assert {"sms", "call", "whatsapp", "totp", "recovery"} <= NAMES
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in EXEMPT:
            continue
        found = NAMES & set(literals(ast.parse(path.read_text())))
        assert not found, (path.relative_to(PACKAGE), found)


def test_a_method_name_in_code_would_be_found() -> None:
    assert "sms" in set(literals(ast.parse('x = {"sms": 1}')))


def test_no_template_of_the_package_names_a_provider() -> None:
    for path in (PACKAGE / "templates").rglob("*.html"):
        for name in NAMES:
            assert f"'{name}'" not in path.read_text(), path
            assert f'"{name}"' not in path.read_text(), path
