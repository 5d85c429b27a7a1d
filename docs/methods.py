"""Write the tables about providers and their base class, `MethodProvider`."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import Any

from tables import table


def bundled() -> list[Any]:
    """Return the providers that ship with this package."""
    from django_twilio_2fa.providers.installed import get_registry

    found = get_registry()
    return [p for name, p in found.providers.items() if not found.apps[name].startswith("demo")]


def features() -> str:
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
        "cancels",
        "waits",
        "resists phishing",
        "device",
        "cost",
        "NIST SP 800-63B; OWASP ASVS",
    ]
    return table(head, rows)


def _contract() -> list[ast.stmt]:
    """Return the body of `MethodProvider`, as it is written."""
    from django_twilio_2fa.providers import MethodProvider

    [cls] = [c for c in ast.parse(inspect.getsource(MethodProvider)).body if isinstance(c, ast.ClassDef)]
    return cls.body


def _in_a_line(text: str) -> str:
    """Return a docstring in one line, as a cell of a table."""
    return " ".join(text.split())


def declared() -> str:
    body = _contract()
    rows = []
    for attribute, after in pairwise(body):
        if not isinstance(attribute, ast.AnnAssign):
            continue
        doc = (
            after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        )
        default = attribute.value
        # Show the English text of what is translated.
        shown = default.args[0] if isinstance(default, ast.Call) else default
        told = ast.unparse(shown) if shown is not None else ""
        rows.append([f"`{ast.unparse(attribute.target)}`", _in_a_line(str(doc)), f"`{told}`"])
    return table(["name", "meaning", "default"], rows)


def overridden() -> str:
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
    return table(["method", "what it does"], rows)


def hooks() -> str:
    """Return what a class that inherits `ProviderContract` may set and override."""
    from django_twilio_2fa.testing.scene import ProviderScene

    [cls] = [c for c in ast.parse(inspect.getsource(ProviderScene)).body if isinstance(c, ast.ClassDef)]
    rows = []
    for here, after in pairwise(cls.body):
        if isinstance(here, ast.AnnAssign) and isinstance(after, ast.Expr):
            rows.append([f"`{ast.unparse(here.target)}`", _in_a_line(str(ast.literal_eval(after.value)))])
        elif isinstance(here, ast.FunctionDef):
            if here.name == "setUp":
                break
            takes = [a.arg for a in here.args.args[1:]]
            takes += ["*"] * bool(here.args.kwonlyargs) + [a.arg for a in here.args.kwonlyargs]
            rows.append([f"`{here.name}({', '.join(takes)})`", _in_a_line(ast.get_docstring(here) or "")])
    return table(["name", "meaning"], rows)
