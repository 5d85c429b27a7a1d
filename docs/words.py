"""List every sentence of the package that a user reads, for the page of words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_twilio_2fa"
PROVIDERS = ROOT / "providers"

CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "npgettext"}
CONTEXTS = {"pgettext", "npgettext"}
PLURALS = {"ngettext", "ngettext_lazy", "npgettext"}

# For staff, for the documentation, and for developers.
NOT_FOR_USERS = ("admin", "models", "management", "sandbox", "migrations", "conf")
# The contexts of what each catalogue says about its own language.
NO_SENTENCES = {"language tag", "text direction"}
ATTRIBUTES_OF_DOCS = ("cost", "strength", "verbose_name", "verbose_name_plural")


def places() -> Iterator[tuple[str, Path]]:
    """Yield each file that may have sentences for users, with the title of its group."""
    for path in sorted(PACKAGE.rglob("*")):
        here = path.relative_to(PACKAGE)
        if here.parts[0] not in NOT_FOR_USERS and path.suffix in (".py", ".html", ".txt"):
            yield "The package", path
    for package in sorted(PROVIDERS.glob("twilio_2fa_*")):
        for path in sorted(package.rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and path.name != "apps.py":
                yield f"`{package.name}`", path


def sentences(path: Path) -> list[str]:
    """Return the translatable texts of a file, in order, each once. Plurals follow their singular."""
    if path.suffix == ".py":
        return [*dict.fromkeys(_of_python(path.read_text()))]
    return [*dict.fromkeys(_of_template(path.read_text()))]


def _of_python(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    skipped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id in ATTRIBUTES_OF_DOCS
    }
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and id(n) not in skipped]
    for node in sorted(calls, key=lambda n: (n.lineno, n.col_offset)):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in CALLS:
            continue
        texts = node.args[1 if name in CONTEXTS else 0 :][: 2 if name in PLURALS else 1]
        yield from (t.value for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str))


def _of_template(source: str) -> Iterator[str]:
    from django.utils.translation.template import templatize

    # Django makes Python-like calls of it, for xgettext.
    for found in re.finditer(r"\b(n?p?)gettext\((.*?)\)(?= |$|\n|,|[A-Z])", templatize(source), re.S):
        literals = re.findall(r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", found[2])
        texts = [" ".join(str(ast.literal_eval(literal)).split()) for literal in literals]
        if "p" in found[1] and texts.pop(0) in NO_SENTENCES:
            continue
        yield from texts


def page() -> str:
    """Return the sentences in Markdown, with the code by which a site changes each."""
    out = []
    for title in dict.fromkeys(title for title, _path in places()):
        out.append(f"## {title}\n")
        for path in (path for group, path in places() if group == title):
            rows = [*_coded(path)]
            if rows:
                lines = [f"| {code} | {text.replace('|', chr(92) + '|')} |" for code, text in rows]
                shown = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else PROVIDERS)
                out.append("\n".join([f"### `{shown}`\n", "| code | sentence |", "|---|---|", *lines]) + "\n")
    return "\n".join(out)


def _coded(path: Path) -> Iterator[tuple[str, str]]:
    codes = _codes()
    for text in sentences(path):
        yield ", ".join(f"`{code}`" for code in codes.get(text, ())), text


def css_variables() -> str:
    """Return the variables of the stylesheet with their values, in Markdown."""
    css = (PACKAGE / "static" / "twilio_2fa" / "twilio_2fa.css").read_text()
    found = re.findall(r"^  (--twilio-2fa-[\w-]+): (.+);$", css, re.M)
    return "\n".join(["| variable | value |", "|---|---|", *(f"| `{n}` | `{v}` |" for n, v in found)]) + "\n"


def _codes() -> dict[str, list[str]]:
    """Return the codes of each sentence: those of errors, and those of `MESSAGE_DISPLAY_CB`."""
    from django.utils.translation import override

    from django_twilio_2fa.errors import TwoFactorError
    from django_twilio_2fa.process.wording import MESSAGES
    from django_twilio_2fa.providers.installed import get_providers

    found: dict[str, list[str]] = {}
    with override(None):
        for code, text in MESSAGES.items():
            found.setdefault(str(text), []).append(code)
        for name, provider in get_providers().items():
            if _is_ours(type(provider)):
                found.setdefault(str(provider.sent_wording), []).append(f"send_{name}")
        for error in filter(_is_ours, _all(TwoFactorError)):
            for text in filter(None, (error.message, error.check_message, error.send_message)):
                if error.code not in found.setdefault(str(text), []):
                    found[str(text)].append(error.code)
    return found


def _is_ours(kind: type) -> bool:
    """Return whether a class is of this package or of a provider that comes with it."""
    return kind.__module__.startswith(("django_twilio_2fa.", "twilio_2fa_"))


def _all(kind: type) -> Iterator[type]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _all(narrower)
