"""Writes the tables of the docs from the code: `python docs/generate.py`, or with `--check` only compares."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import django
import picture
import reference
import template_names
import words

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)


def _table(head: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n"


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
            f"## {group}\n\n" + _table(["setting", "default", "type", "callable with", "what it does"], rows)
        )
    return "\n".join(out)


def _type_name(kind: type) -> str:
    """Return a type as Django's documentation calls it."""
    return {"Promise": "lazy str"}.get(kind.__name__, kind.__name__)


def retired_table() -> str:
    from django_twilio_2fa.conf import RETIRED_NAMES

    return _table(["setting", "instead"], [[f"`{name}`", text] for name, text in RETIRED_NAMES.items()])


def checks_table() -> str:
    from django_twilio_2fa.checks import FOUND

    levels = {"E": "error", "W": "warning", "I": "info"}
    rows = [[f"`twilio_2fa.{id}`", levels[id[0]], text] for id, text in FOUND.items()]
    return _table(["id", "level", "what is wrong"], rows)


def limits_table() -> str:
    from django_twilio_2fa.conf.limits import LIMITS

    rows = [[f"`{name}`", f"`{limit.default}`", limit.doc] for name, limit in LIMITS.items()]
    return _table(["limit", "default", "what it counts"], rows)


def breaker_table() -> str:
    from django_twilio_2fa.conf.breaker import BREAKER

    return _table(
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
    return _table(["signal", "sent when", "arguments"], rows)


def audit_table() -> str:
    from django_twilio_2fa.signals import SIGNALS

    rows = [
        [f"`{d.name.removeprefix('twilio_2fa_')}`", ", ".join(f"`{name}`" for name in d.arguments)]
        for d in SIGNALS.values()
        if d.audited
    ]
    return _table(["event", "values beside `user` and `by`"], rows)


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
    return _table(["code", "class", "status", "blocking", "text"], rows)


def bundled() -> list[Any]:
    """The providers that ship with this package."""
    from django_twilio_2fa.providers.installed import get_registry

    found = get_registry()
    return [p for name, p in found.providers.items() if not found.apps[name].startswith("demo")]


def features_table() -> str:
    def yes(told: Any) -> str:
        return "yes" if told else ""

    def does(provider: Any, verb: str) -> bool:
        return getattr(type(provider), verb) is not getattr(MethodProvider, verb)

    from django_twilio_2fa.providers import MethodProvider

    rows = [
        [
            f"`{p.name}`",
            yes(p.device_kind and p.get_registration_form_class()),
            yes(p.sends),
            yes(p.sends),
            yes(does(p, "cancel")),
            yes(p.approved_elsewhere),
            yes(p.phishing_resistant),
            f"`{p.device_kind}`" + (", one per user" if p.one_per_user else "") if p.device_kind else "",
            str(p.cost),
            str(p.strength),
        ]
        for p in bundled()
    ]
    head = [
        "method",
        "registers",
        "sends",
        "resends",
        "cancels",
        "waits",
        "resists phishing",
        "device",
        "cost",
        "NIST SP 800-63B; OWASP ASVS",
    ]
    return _table(head, rows)


def _contract() -> list[ast.stmt]:
    """The body of `MethodProvider`, as it is written."""
    from django_twilio_2fa.providers import MethodProvider

    [cls] = [c for c in ast.parse(inspect.getsource(MethodProvider)).body if isinstance(c, ast.ClassDef)]
    return cls.body


def _in_a_line(text: str) -> str:
    """A docstring, as a cell of a table."""
    return " ".join(text.split())


def declared_table() -> str:
    body = _contract()
    rows = []
    for attribute, after in pairwise(body):
        if not isinstance(attribute, ast.AnnAssign):
            continue
        doc = (
            after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        )
        default = attribute.value
        # What is translated is shown as it stands in English.
        shown = default.args[0] if isinstance(default, ast.Call) else default
        told = ast.unparse(shown) if shown is not None else ""
        rows.append([f"`{ast.unparse(attribute.target)}`", _in_a_line(str(doc)), f"`{told}`"])
    return _table(["name", "meaning", "default"], rows)


def overridden_table() -> str:
    rows = []
    for method in _contract():
        if not isinstance(method, ast.FunctionDef):
            continue
        doc = _in_a_line(ast.get_docstring(method) or "")
        if method.decorator_list:
            rows.append([f"`{method.name}`, a property", doc])
            continue
        takes = [a.arg for a in method.args.args if a.arg != "self"]
        takes += ["*"] * bool(method.args.kwonlyargs) + [a.arg for a in method.args.kwonlyargs]
        returns = ast.unparse(method.returns) if method.returns else ""
        rows.append([f"`{method.name}({', '.join(takes)})` → `{returns}`", doc])
    return _table(["method", "what it does"], rows)


def hooks_table() -> str:
    """What a class that inherits `ProviderContract` may set and override, the scene itself not."""
    from django_twilio_2fa.testing.scene import ProviderScene

    [cls] = [c for c in ast.parse(inspect.getsource(ProviderScene)).body if isinstance(c, ast.ClassDef)]
    rows = []
    for here, after in pairwise(cls.body):
        if isinstance(here, ast.AnnAssign) and isinstance(after, ast.Expr):
            rows.append([f"`{ast.unparse(here.target)}`", _in_a_line(str(ast.literal_eval(after.value)))])
        elif isinstance(here, ast.FunctionDef):
            if here.name == "setUp":
                break
            takes = ", ".join(a.arg for a in [*here.args.args[1:], *here.args.kwonlyargs])
            rows.append([f"`{here.name}({takes})`", _in_a_line(ast.get_docstring(here) or "")])
    return _table(["name", "meaning"], rows)


def options_table() -> str:
    from django_twilio_2fa.twilio.parameters import PARAMETERS

    rows = [
        [f"`{o.name}`", "send and check" if o.start and o.check else "send" if o.start else "check", o.doc]
        for o in PARAMETERS.values()
    ]
    return _table(["parameter", "used in", "meaning"], rows)


def messages_table() -> str:
    from django_twilio_2fa.process.wording import MESSAGES

    own = {f"send_{p.name}": p.sent_wording for p in bundled() if p.sends}
    return _table(["code", "text"], [[f"`{code}`", str(text)] for code, text in {**MESSAGES, **own}.items()])


def magic_table() -> str:
    from django_twilio_2fa.sandbox.magic import MAGIC
    from django_twilio_2fa.sandbox.twilio_errors import CODES

    rows = []
    for m in MAGIC.values():
        answer = f"{m.code} (HTTP {CODES[m.code][0]}) on a {m.on}" if m.on else ""
        rows.append([f"`{m.to}`", m.does, answer, ", ".join(m.channels)])
    return _table(["phone number or e-mail address", "what it simulates", "error", "only for"], rows)


def faults_table() -> str:
    from django_twilio_2fa.sandbox.fault_injection import INJECTABLE_FAULTS

    return _table(
        ["fault", "what happens"], [[f"`{name}`", does] for name, does in INJECTABLE_FAULTS.items()]
    )


def control_table() -> str:
    from django_twilio_2fa.sandbox.control import CONTROLS, PREFIX

    rows = []
    for c in CONTROLS:
        values = ", ".join(f"`{name}`" for name in c.values.split(", ") if name)
        rows.append([f"`{c.method} {PREFIX}{c.path}`", values, c.does])
    return _table(["request", "values", "does"], rows)


def costs_table() -> str:
    from tests.process.test_queries import COSTS

    return _table(["page", "queries"], [[f"`{page}`", str(n)] for page, n in COSTS.items()])


def rooms_table() -> str:
    rows = []
    for group in picture.GROUPS:
        for room in group.rooms:
            name = f"{room}/" if (picture.PACKAGE / room).is_dir() else f"{room}.py"
            rows.append([group.title, f"`{name}`", picture.summary(picture.main_file(room))])
    return _table(["group", "where", "what it is for"], rows)


def _files_table(room: str) -> str:
    files = [path for path in picture.files_of(room) if path.stem != "__init__"]
    return _table(["file", "what it is for"], [[f"`{p.name}`", picture.summary(p)] for p in files])


def process_table() -> str:
    return _files_table("process")


def pages_table() -> str:
    return _files_table("pages")


# How the sentences of each language address the user.
ADDRESSED = {
    "ar": "the singular",
    "cs": "vy",
    "de": "Sie",
    "el": "the plural",
    "es": "usted",
    "fr": "vous",
    "he": "without a gender: יש, אפשר",
    "hi": "आप",
    "id": "Anda",
    "it": "Lei",
    "ja": "です, ます",
    "ko": "-세요, -습니다",
    "nl": "u",
    "pl": "Ty, or impersonal",
    "pt-br": "você",
    "ru": "вы",
    "sv": "du",
    "tr": "siz",
    "uk": "ви",
    "vi": "bạn",
    "zh-hans": "您",
    "zh-hant": "您",
}
TERMS = (
    "Security code",
    "Recovery codes",
    "Passkey",
    "Authenticator app",
    "Text message",
    "device",
    "verification",
)


def glossary_table() -> str:
    from django.utils.translation import get_language_info, gettext, override

    rows = []
    for language, address in ADDRESSED.items():
        with override(language):
            rows.append([get_language_info(language)["name"], address, *map(gettext, TERMS)])
    return _table(["language", "address", *(term.lower() for term in TERMS)], rows)


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
    "features": features_table,
    "hooks": hooks_table,
    "declared": declared_table,
    "overridden": overridden_table,
    "options": options_table,
    "rooms": rooms_table,
    "process": process_table,
    "pages": pages_table,
    "reference": reference.page,
    "words": words.page,
    "glossary": glossary_table,
    "templates": template_names.table,
    "variables": words.css_variables,
}


def fresh(text: str) -> str:
    """The page with its generated blocks as the code has them now."""
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
