"""Write the tables of the docs from the code: `python docs/generate.py`.

With `--check`, only name the pages that would change.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import django
import glossary
import methods
import picture
import reference
import template_names
import words
from tables import table

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)


def settings_table() -> str:
    from django_twilio_2fa.conf import PREFIX, SETTINGS

    out = []
    for group in dict.fromkeys(s.group for s in SETTINGS.values()):
        rows = []
        for s in SETTINGS.values():
            if s.group != group:
                continue
            kinds = ", ".join(_type_name(k) for k in s.kinds) or "callable"
            takes = ", ".join(f"`{name}`" for name in s.arguments)
            default = f"`{s.default!r}`" if isinstance(s.default, (str, type(None))) else f"`{s.default}`"
            old = f" (0.32: {', '.join(f'`{PREFIX}{n}`' for n in s.old_names)})" if s.old_names else ""
            rows.append([f"`{s.full_name}`{old}", default, kinds, takes, s.doc])
        out.append(
            f"## {group}\n\n" + table(["setting", "default", "type", "callable with", "what it does"], rows)
        )
    return "\n".join(out)


def _type_name(kind: type) -> str:
    """Return a type as Django's documentation calls it."""
    return {"Promise": "lazy str"}.get(kind.__name__, kind.__name__)


def retired_table() -> str:
    from django_twilio_2fa.conf import RETIRED_NAMES

    return table(["setting", "instead"], [[f"`{name}`", text] for name, text in RETIRED_NAMES.items()])


def checks_table() -> str:
    from django_twilio_2fa.checks import FOUND

    levels = {"E": "error", "W": "warning", "I": "info"}
    rows = [[f"`twilio_2fa.{id}`", levels[id[0]], text] for id, text in FOUND.items()]
    return table(["id", "level", "what is wrong"], rows)


def limits_table() -> str:
    from django_twilio_2fa.conf.limits import LIMITS

    rows = [[f"`{name}`", f"`{limit.default}`", limit.doc] for name, limit in LIMITS.items()]
    return table(["limit", "default", "what it counts"], rows)


def breaker_table() -> str:
    from django_twilio_2fa.conf.breaker import BREAKER

    return table(
        ["rule", "default", "what it says"],
        [[f"`{name}`", f"`{default}`", doc] for name, (default, doc) in BREAKER.items()],
    )


def signals_table() -> str:
    from django_twilio_2fa.signals import SIGNALS

    def argument(name: str, doc: str) -> str:
        return f"`{name}`: {doc.removesuffix('.')}"

    rows = [
        [f"`{d.name}`", d.doc, "<br>".join(argument(*item) for item in d.arguments.items())]
        for d in SIGNALS.values()
    ]
    return table(["signal", "sent when", "arguments"], rows)


def audit_table() -> str:
    from django_twilio_2fa.signals import SIGNALS

    rows = [
        [f"`{d.name.removeprefix('twilio_2fa_')}`", ", ".join(f"`{name}`" for name in d.arguments)]
        for d in SIGNALS.values()
        if d.audited
    ]
    return table(["event", "values beside `user` and `by`"], rows)


def errors_table() -> str:
    from django_twilio_2fa.errors import ERRORS, TwoFactorError

    def with_narrower(error: type[TwoFactorError]) -> list[type[TwoFactorError]]:
        """Return an error, and its subclasses that have the same code and a text of their own."""
        return [error, *(c for c in error.__subclasses__() if c.code == error.code)]

    def texts(error: type[TwoFactorError]) -> str:
        found = [str(error.message)]
        if error.check_message:
            found.append(f"If a code was checked: {error.check_message}")
        if error.send_message:
            found.append(f"If a code was to be sent: {error.send_message}")
        return "<br>".join(found)

    rows = [
        [f"`{code}`", f"`{e.__name__}`", str(e.status), "yes" if e.blocking else "", texts(e)]
        for code, declared in sorted(ERRORS.items())
        for e in with_narrower(declared)
    ]
    return table(["code", "class", "status", "blocking", "text"], rows)


def options_table() -> str:
    from django_twilio_2fa.twilio.parameters import PARAMETERS

    rows = [
        [f"`{o.name}`", "send and check" if o.start and o.check else "send" if o.start else "check", o.doc]
        for o in PARAMETERS.values()
    ]
    return table(["parameter", "used in", "meaning"], rows)


def messages_table() -> str:
    from django_twilio_2fa.process.wording import MESSAGES
    from django_twilio_2fa.providers import MethodProvider

    generic = str(MethodProvider.sent_wording)
    own = {f"send_{p.name}": p.sent_wording for p in methods.bundled() if str(p.sent_wording) != generic}
    return table(["code", "text"], [[f"`{code}`", str(text)] for code, text in {**MESSAGES, **own}.items()])


def magic_table() -> str:
    from django_twilio_2fa.sandbox.magic import MAGIC
    from django_twilio_2fa.sandbox.twilio_errors import CODES

    rows = []
    for m in MAGIC.values():
        answer = f"{m.code} (HTTP {CODES[m.code][0]}) on a {m.on}" if m.on else ""
        rows.append([f"`{m.to}`", m.does, answer, ", ".join(m.channels)])
    return table(["phone number or e-mail address", "what it simulates", "error", "only for"], rows)


def faults_table() -> str:
    from django_twilio_2fa.sandbox.fault_injection import INJECTABLE_FAULTS

    return table(["fault", "what happens"], [[f"`{name}`", does] for name, does in INJECTABLE_FAULTS.items()])


def control_table() -> str:
    from django_twilio_2fa.sandbox.control import CONTROLS, PREFIX

    rows = []
    for c in CONTROLS:
        values = ", ".join(f"`{name}`" for name in c.values.split(", ") if name)
        rows.append([f"`{c.method} {PREFIX}{c.path}`", values, c.does])
    return table(["request", "values", "does"], rows)


def costs_table() -> str:
    from tests.process.test_queries import COSTS

    return table(["page", "queries"], [[f"`{page}`", str(n)] for page, n in COSTS.items()])


def rooms_table() -> str:
    rows = []
    for group in picture.GROUPS:
        for room in group.rooms:
            name = f"{room}/" if (picture.PACKAGE / room).is_dir() else f"{room}.py"
            rows.append([group.title, f"`{name}`", picture.summary(picture.main_file(room))])
    return table(["group", "where", "what it is for"], rows)


def _files_table(room: str) -> str:
    files = [path for path in picture.files_of(room) if path.stem != "__init__"]
    return table(["file", "what it is for"], [[f"`{p.name}`", picture.summary(p)] for p in files])


def process_table() -> str:
    return _files_table("process")


def pages_table() -> str:
    return _files_table("pages")


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "retired": retired_table,
    "checks": checks_table,
    "limits": limits_table,
    "breaker": breaker_table,
    "signals": signals_table,
    "audit": audit_table,
    "errors": errors_table,
    "messages": messages_table,
    "magic": magic_table,
    "faults": faults_table,
    "control": control_table,
    "costs": costs_table,
    "features": methods.features,
    "hooks": methods.hooks,
    "declared": methods.declared,
    "overridden": methods.overridden,
    "options": options_table,
    "rooms": rooms_table,
    "process": process_table,
    "pages": pages_table,
    "reference": reference.page,
    "words": words.page,
    "glossary": glossary.page,
    "templates": template_names.table,
    "variables": words.css_variables,
}


def fresh(text: str) -> str:
    """Return the page with its generated blocks as the code has them now."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n{m[4]}", text)


def stale() -> list[Path]:
    """Return the pages, and the picture, that are not what the code says."""
    pages = [page for page in sorted(DOCS.glob("*.md")) if fresh(page.read_text()) != page.read_text()]
    drawn = picture.PICTURE.exists() and picture.PICTURE.read_text() == picture.draw()
    return pages if drawn else [*pages, picture.PICTURE]


def main() -> int:
    pages = stale()
    if "--check" in sys.argv:
        sys.stdout.writelines(f"{page.name} is stale\n" for page in pages)
        return bool(pages)
    for page in pages:
        page.write_text(picture.draw() if page == picture.PICTURE else fresh(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent / "test_app"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings_test")
    django.setup()
    sys.exit(main())
