"""List the public names of the package with their signatures, from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "django_twilio_2fa"

# What a site imports, what a provider imports, and what their tests import.
MODULES = {
    "For sites": (
        "access",
        "middleware",
        "state",
        "session",
        "browsers",
        "verifier",
        "views",
        "admin",
        "forms",
        "contacts",
        "signals",
        "conf",
        "models",
    ),
    "For providers": (
        "providers",
        "digests",
        "tokens",
        "providers.replay",
        "authenticators",
        "notices",
        "moments",
        "stylesheets",
        "managers",
        "reverse",
        "twilio.verify",
    ),
    "For tests": ("testing", "pytest_plugin"),
}

Definition = ast.FunctionDef | ast.ClassDef


def _files(module: str) -> list[Path]:
    path = PACKAGE.joinpath(*module.split("."))
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _exported(module: str) -> list[str]:
    """Return the names in a module's `__all__`, or an empty list if it has none."""
    path = PACKAGE.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [e.value for e in ast.walk(node.value) if isinstance(e, ast.Constant)]
    return []


def _definitions(module: str) -> Iterator[Definition]:
    """Yield the public functions and classes of a module, by name."""
    exported = _exported(module)
    files = _files(module) if module != "views" else sorted((PACKAGE / "pages").glob("*.py"))
    found: dict[str, Definition] = {}
    for path in files:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                found.setdefault(node.name, node)
    for name in sorted(found):
        if name in exported or not exported:
            yield found[name]


def _summary(node: Definition) -> str:
    text = ast.get_docstring(node) or ""
    return " ".join(text.split("\n\n")[0].split())


def _signature(node: ast.FunctionDef) -> str:
    arguments = ast.unparse(node.args)
    for first in ("self, ", "cls, "):
        arguments = arguments.removeprefix(first)
    arguments = "" if arguments in ("self", "cls") else arguments
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({arguments}){returns}"


def _is_property(node: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def _members(cls: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield (node.name if _is_property(node) else _signature(node)), _summary(node)
        elif isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            yield f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}", ""


def page() -> str:
    """Return the reference as Markdown."""
    out = []
    for title, modules in MODULES.items():
        out.append(f"## {title}\n")
        for module in modules:
            out.append(f"### `django_twilio_2fa.{module}`\n")
            for node in _definitions(module):
                name = node.name if isinstance(node, ast.ClassDef) else _signature(node)
                out.append(f"- `{name}`: {_summary(node)}".removesuffix(": "))
                if isinstance(node, ast.ClassDef):
                    out += [f"  - `{m}`: {says}".removesuffix(": ") for m, says in _members(node)]
            out.append("")
    return "\n".join(out)
