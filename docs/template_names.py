"""Reads the templates: the blocks that each defines, and the names that it takes from its context."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.template.base import Lexer, TokenType

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [
    ROOT / "django_twilio_2fa" / "templates" / "twilio_2fa",
    *sorted((ROOT / "providers").glob("*/templates/twilio_2fa")),
]
# What Django and the tags put there, and words of tags.
GIVEN = {"forloop", "block", "WIDGET_ERROR_CLASS"}
WORDS = {"and", "or", "not", "in", "is", "with", "as", "by", "only", "count", "context"}
WORDS |= {"True", "False", "None"}
NAME = re.compile(r"(?<![\w.|:-])[A-Za-z_]\w*(?!\w*=)")


@dataclass
class Template:
    """A template: its path below `twilio_2fa/`, its blocks, and the names that it uses."""

    name: str
    blocks: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def templates() -> Iterator[Template]:
    """Return the templates of the pages, in which a person sees something."""
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.html")):
            if not is_email(path):
                yield read(path.relative_to(folder).as_posix(), path.read_text())


def is_email(path: Path) -> bool:
    """Return whether a template is of an e-mail, and of no page."""
    return "email/_base.html" in path.read_text() or (path.parent.name, path.name) == ("email", "_base.html")


def read(name: str, text: str) -> Template:
    """Return what a template defines and uses."""
    found, bound = Template(name), set(GIVEN)
    used: list[str] = []
    for token in Lexer(text).tokenize():
        if token.token_type == TokenType.VAR:
            used += NAME.findall(_without_texts(token.contents))
        elif token.token_type == TokenType.BLOCK:
            tag, *bits = token.split_contents()
            if tag == "block":
                found.blocks.append(bits[0])
            else:
                used += _names_in_tag(tag, bits, bound)
    found.names = [n for n in dict.fromkeys(used) if n not in bound and n not in WORDS]
    found.blocks = list(dict.fromkeys(found.blocks))
    return found


def _names_in_tag(tag: str, bits: list[str], bound: set[str]) -> list[str]:
    """Return the names that a tag uses, and note those that it binds."""
    if tag in ("load", "block_text", "csrf_token", "endblock"):
        return []
    if tag == "for":
        at = bits.index("in")
        bound.update(name.strip(",") for name in bits[:at])
        bits = bits[at + 1 :]
    values = []
    for bit in bits:
        given, is_pair, value = bit.partition("=")
        if is_pair and re.fullmatch(r"\w+", given):
            if tag in ("with", "blocktranslate"):
                bound.add(given)
            bit = value
        elif is_pair and given.endswith("+"):
            bit = value
        values.append(_without_texts(bit))
    return NAME.findall(" ".join(values))


def _without_texts(code: str) -> str:
    return re.sub(r"\"[^\"]*\"|'[^']*'", " ", code)


def table() -> str:
    """Return each template with its blocks and names, in Markdown."""

    def listed(names: list[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows = [f"| `{t.name}` | {listed(t.blocks)} | {listed(t.names)} |" for t in templates()]
    return "\n".join(["| template | blocks in it | context that it uses |", "|---|---|---|", *rows]) + "\n"
