"""Draw the folders and modules of the package, from the imports in its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

PACKAGE = Path(__file__).resolve().parent.parent / "django_twilio_2fa"
PICTURE = Path(__file__).resolve().parent / "images" / "architecture.svg"


@dataclass(frozen=True)
class Group:
    """Rooms that are drawn as one box: `row` from the top, `column` from the left, both from 0."""

    title: str
    row: int
    column: float
    rooms: tuple[str, ...]


GROUPS = (
    Group(
        "Django, pip and pytest find these",
        0,
        1,
        ("urls", "apps", "admin", "checks", "management", "importing", "pytest_plugin"),
    ),
    Group("For tests", 0, 0, ("testing",)),
    Group("Names of 0.32", 1, 2, ("client", "dispatch", "options", "utils")),
    Group("JSON API", 0, 2, ("api",)),
    Group("HTML pages", 1, 1, ("views", "middleware", "templatetags", "pages", "access")),
    Group("What a site imports", 2, 1, ("browsers", "metrics", "session", "state", "verifier")),
    Group("The process", 3, 1, ("process",)),
    Group("The sandbox", 2, 0, ("sandbox",)),
    Group("Twilio", 4, 1, ("twilio",)),
    Group("What a provider uses", 5, 1, ("providers", "notices", "authenticators")),
    Group(
        "Data",
        6,
        1,
        (
            "models",
            "forms",
            "contacts",
            "tokens",
            "digests",
            "managers",
            "stylesheets",
        ),
    ),
    Group(
        "Settings, errors and helpers",
        7,
        1,
        ("conf", "errors", "signals", "audit", "registry", "reverse", "moments"),
    ),
)


def rooms() -> list[str]:
    """Return the folders with code and the modules at the top of the package."""
    found = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return sorted(path.stem for path in found if path.stem not in ("__init__", "migrations"))


def files_of(room: str) -> list[Path]:
    """Return the Python files of a room, without migrations."""
    folder = PACKAGE / room
    found = folder.rglob("*.py") if folder.is_dir() else [PACKAGE / f"{room}.py"]
    return sorted(path for path in found if "migrations" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, also those that it imports within a function."""
    folder = ("django_twilio_2fa", *path.relative_to(PACKAGE).parts[:-1])
    known = set(rooms())
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = folder[: len(folder) - node.level + 1] if node.level else ()
        parts = (*base, *(node.module or "").split(".")) if node.module else base
        if parts[:1] != ("django_twilio_2fa",):
            continue
        names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        yield from (name for name in names if name in known)


def arrows() -> set[tuple[Group, Group]]:
    """Return which group imports which."""
    group_of = {room: group for group in GROUPS for room in group.rooms}
    return {
        (group, group_of[room])
        for group in GROUPS
        for own in group.rooms
        for path in files_of(own)
        for room in imported(path)
        if room in group_of and group_of[room] is not group
    }


def direct(every: set[tuple[Group, Group]]) -> set[tuple[Group, Group]]:
    """Return the arrows that no chain of others stands for."""

    def reaches(source: Group, target: Group, seen: frozenset[Group]) -> bool:
        following = {b for a, b in every if a is source and b not in seen}
        return target in following or any(reaches(b, target, seen | {b}) for b in following)

    return {
        (a, b)
        for a, b in every
        if not any(c is not b and reaches(c, b, frozenset({a, c})) for x, c in every if x is a)
    }


def main_file(room: str) -> Path:
    """Return the file whose docstring says what a room is for."""
    folder = PACKAGE / room
    return folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{room}.py"


def summary(path: Path) -> str:
    """Return the first paragraph of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


WIDTH, STEP, LINE, PAD = 300, 340, 20, 14


def _height(group: Group) -> int:
    return 2 * PAD + LINE * (1 + len(_lines(group)))


def _lines(group: Group) -> list[str]:
    lines = [""]
    for room in group.rooms:
        name = f"{room}/" if (PACKAGE / room).is_dir() else room
        if lines[-1] and len(lines[-1]) + len(name) > 36:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + name
    return lines


def draw() -> str:
    """Return the picture as SVG: a box for each group, an arrow to each group that it imports directly."""
    tops, y = {}, 20
    for row in range(1 + max(group.row for group in GROUPS)):
        tops[row] = y
        y += max(_height(group) for group in GROUPS if group.row == row) + 46
    place = {group: (20 + int(group.column * STEP), tops[group.row]) for group in GROUPS}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * STEP} {y}" font-family="sans-serif" '
        'font-size="14">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6c757d"/></marker></defs>',
        f'<rect width="{3 * STEP}" height="{y}" fill="#fff"/>',
    ]
    for source, target in sorted(direct(arrows()), key=lambda pair: (pair[0].title, pair[1].title)):
        (x1, y1), (x2, y2) = place[source], place[target]
        if source.row == target.row:
            near, far = (WIDTH, 0) if x2 > x1 else (0, WIDTH)
            middle = y1 + min(_height(source), _height(target)) // 2
            start, end = (x1 + near, middle), (x2 + far, middle)
        else:
            start, end = (x1 + WIDTH // 2, y1 + _height(source)), (x2 + WIDTH // 2, y2)
        parts.append(
            f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" stroke="#6c757d" '
            'stroke-width="1.5" marker-end="url(#tip)"/>'
        )
    for group, (x, top) in place.items():
        parts.append(
            f'<rect x="{x}" y="{top}" width="{WIDTH}" height="{_height(group)}" rx="6" fill="#f8f9fa" '
            'stroke="#0d6efd"/>'
        )
        parts.append(
            f'<text x="{x + PAD}" y="{top + PAD + 12}" font-weight="bold">{escape(group.title)}</text>'
        )
        for n, line in enumerate(_lines(group), 2):
            parts.append(f'<text x="{x + PAD}" y="{top + PAD - 8 + LINE * n}" fill="#495057">{line}</text>')
    return "\n".join([*parts, "</svg>", ""])
