"""The documented public API exists: dotted paths, names of 0.32 and hooks.

Most tests read the docs, so that a page and the code cannot diverge.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from django_twilio_2fa.providers import MethodProvider, WaitingProvider
from django_twilio_2fa.registry import find
from django_twilio_2fa.verifier import Verifier
from django_twilio_2fa.views import VerificationWizardView

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = {
    page.name: page.read_text() for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")]
}
OURS = re.compile(r"^(django_twilio_2fa|twilio_2fa_(sms|call|email|whatsapp|totp|recovery))(\.|$)")
# The modules of 0.32 warn when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:django_twilio_2fa:DeprecationWarning")


def resolved(path: str) -> Any:
    """Import what a dotted path names: a module, or a name in one."""
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError) as e:
        pytest.fail(f"{path}: {e}")


def imports_of(page: str) -> Iterator[str]:
    """Yield the dotted path of each name of this package that the Python of a page imports."""
    codes = re.findall(r"^```python\n(.*?)^```", page, re.S | re.M)
    codes += re.findall(r"`(from \S+ import [\w, ]+)`", page)
    for code in codes:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and OURS.match(node.module or ""):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if OURS.match(alias.name))


def named_in(page: str) -> Iterator[str]:
    """Yield the dotted paths of this package in a page, in code blocks and in the text."""
    for path in re.findall(r"(?<![\w./-])((?:django_twilio_2fa|twilio_2fa_[a-z]+)(?:\.[A-Za-z_]\w*)+)", page):
        # `django_twilio_2fa.providers` is a module and the entry points' group; both resolve.
        if OURS.match(path):
            yield path


def names_of_modules(page: str) -> Iterator[str]:
    """Yield the dotted names in sentences such as "`get_client()` of `django_twilio_2fa.twilio.client`"."""
    for names, module in re.findall(
        r"((?:`\w+(?:\(\))?`(?:, | and )?)+) (?:of|from) `(django_twilio_2fa[\w.]*)`", page
    ):
        yield from (f"{module}.{name}" for name in re.findall(r"`(\w+)", names))


def signatures(page: str, heading: str) -> dict[str, list[str]]:
    """Return the calls in the first column of a table, each with the names of its parameters."""
    [table] = re.findall(rf"^\| {heading} \|.*?\n\n", page + "\n\n", re.S | re.M)
    calls: dict[str, list[str]] = {}
    for row in table.splitlines()[2:]:
        for name, takes in re.findall(r"`(\w+)\(([^)`]*)\)`", row.split(" | ")[0]):
            calls[name] = [t.split("=")[0].strip() for t in takes.split(",") if t.strip() not in ("", "*")]
    return calls


def takes(function: Any) -> list[str]:
    """Return the names of the parameters of a method, without `self`."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("page", PAGES)
def test_every_import_of_a_page_works(page: str) -> None:
    for path in [*imports_of(PAGES[page]), *named_in(PAGES[page]), *names_of_modules(PAGES[page])]:
        resolved(path)


def test_the_imports_of_the_pages_are_found() -> None:
    found = {path for page in PAGES.values() for path in imports_of(page)}
    assert {
        "django_twilio_2fa.provider_apps",
        "django_twilio_2fa.access.two_factor_required",
        "django_twilio_2fa.digests.digest",
        "django_twilio_2fa.providers.MethodProvider",
        "django_twilio_2fa.testing.ProviderContract",
        "django_twilio_2fa.views.VerificationWizardView",
    } <= found
    upgrading = PAGES["upgrading.md"]
    assert "django_twilio_2fa.twilio.client.get_client" in set(names_of_modules(upgrading))
    assert "django_twilio_2fa.options.Email" in set(names_of_modules(upgrading))
    assert "django_twilio_2fa.apps.Twilio2faConfig" in set(named_in(upgrading))


# 0.32


def test_every_name_of_the_old_helpers_is_there() -> None:
    table = PAGES["upgrading.md"].partition("The names of `django_twilio_2fa.utils`:")[2]
    names = [
        n
        for row in table.split("\n| `")[1:]
        for n in re.findall(r"(\w+)(?:\([^)]*\))?`", row.split(" | ")[0])
    ]
    old = importlib.import_module("django_twilio_2fa.utils")
    assert len(names) >= 9
    assert [name for name in names if not name.startswith("SESSION_…") and not hasattr(old, name)] == []
    assert set(takes(old.get_setting)) == {"name", "default", "callback_kwargs"}


OLD = [
    *(
        f"django_twilio_2fa.dispatch.twilio_2fa_{name}"
        for name in (
            "set_user_data",
            "twilio_error",
            "verification_failed",
            "verification_sent",
            "verification_status_changed",
            "verification_success",
        )
    ),
    "django_twilio_2fa.options.PhoneNumber",
    "django_twilio_2fa.options.Email",
    "django_twilio_2fa.client.TwoFAClient",
    "django_twilio_2fa.apps.Twilio2faConfig",
    "django_twilio_2fa.urls.urlpatterns",
    "django_twilio_2fa.api.urls.urlpatterns",
]


@pytest.mark.parametrize("path", OLD)
def test_every_name_of_0_32_can_be_imported(path: str) -> None:
    resolved(path)


def test_each_old_module_warns() -> None:
    code = (
        "import importlib, warnings, django; django.setup()\n"
        "for name in ('dispatch', 'options', 'utils'):\n"
        "    with warnings.catch_warnings(record=True) as caught:\n"
        "        warnings.simplefilter('always')\n"
        "        importlib.import_module(f'django_twilio_2fa.{name}')\n"
        "    assert [w for w in caught if f'django_twilio_2fa.{name} is' in str(w.message)], name"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "demo.settings_test", "PYTHONPATH": str(ROOT / "test_app")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "phone_number",
        "country_code",
        "carrier_type",
        "verified",
        "e164_format",
        "national_format",
        "international_format",
        "obfuscated",
    ],
)
def test_phone_number_has_the_attribute_of_0_32(name: str) -> None:
    from django_twilio_2fa.contacts import PhoneNumber

    number = PhoneNumber("+12025550143")
    assert hasattr(number, name)
    assert str(number) == "+12025550143"


def test_email_address_has_the_attributes_of_0_32() -> None:
    from django_twilio_2fa.contacts import EmailAddress

    address = EmailAddress("sam@example.com")
    assert (address.email, str(address)) == ("sam@example.com", "sam@example.com")
    assert address.obfuscated


# Hooks


def test_every_documented_hook_of_the_wizard_is_there() -> None:
    page = PAGES["view_flow.md"]
    hooks = signatures(page, "hook")
    assert {"get_choices", "get_page_template_names", "on_success", "fail", "may_send_on_get"} <= set(hooks)
    for name, wanted in hooks.items():
        assert takes(getattr(VerificationWizardView, name)) == wanted, name
    assert isinstance(VerificationWizardView.form_list, list)
    assert VerificationWizardView.methods is None
    assert callable(VerificationWizardView.urls)


def test_every_documented_hook_of_a_provider_is_there() -> None:
    verbs = signatures(PAGES["providers.md"], r"method \| what it does")
    assert {"start", "resend", "check", "cancel", "approve", "decoy", "get_urls"} <= set(verbs)
    for name, wanted in verbs.items():
        assert takes(getattr(MethodProvider, name)) == wanted, name
        # Overriding methods have the same parameters. The package passes no others.
        assert takes(getattr(WaitingProvider, name)) == wanted, name


def test_every_bundled_provider_takes_what_the_contract_passes() -> None:
    for point in find():
        cls = resolved(point.path)
        for name in signatures(PAGES["providers.md"], r"method \| what it does"):
            assert takes(getattr(cls, name)) == takes(getattr(MethodProvider, name)), (point.path, name)


def test_every_documented_attribute_of_a_provider_is_there() -> None:
    [table] = re.findall(r"generated: declared -->\n(.*?)<!-- end", PAGES["providers.md"], re.S)
    names = re.findall(r"^\| `(\w+)`", table, re.M)
    assert len(names) > 15
    assert [name for name in names if not hasattr(MethodProvider, name)] == []


def test_every_documented_method_of_the_verifier_is_there() -> None:
    page = PAGES["recipes.md"]
    methods = signatures(page, "method of `Verifier`")
    assert {"methods", "send", "check", "resend", "approve", "cancel", "get", "rename", "remove"} == set(
        methods
    )
    for name, wanted in methods.items():
        assert takes(getattr(Verifier, name))[: len(wanted)] == wanted, name
        # All other parameters are optional.
        rest = [
            p for n, p in inspect.signature(getattr(Verifier, name)).parameters.items() if n not in wanted
        ]
        assert all(p.name == "self" or p.default is not p.empty for p in rest), name
    before, found, _ = page.partition("are asynchronous versions of these methods")
    assert found
    awaited = re.findall(r"`(a[a-z]+)`", before.rpartition("\n\n")[2])
    assert len(awaited) > 5
    for name in awaited:
        assert inspect.iscoroutinefunction(getattr(Verifier, name)), name
        assert takes(getattr(Verifier, name)) == takes(getattr(Verifier, name[1:])), name


def test_verifier_takes_the_arguments_in_the_recipes() -> None:
    assert takes(Verifier.__init__) == ["user", "request", "flow", "auth"]


# What a provider may import


def may_import() -> set[str]:
    """Return the modules that docs/providers.md lets a provider import."""
    section = PAGES["providers.md"].partition("## What a provider may import")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w.]+)`", section, re.M))


def test_providers_import_only_what_the_page_allows() -> None:
    for path in (ROOT / "providers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "django_twilio_2fa":
                module = str(node.module).partition(".")[2]
                wanted = {module} if module else {alias.name for alias in node.names}
                assert wanted <= may_import(), path


def test_lint_imports_forbids_all_other_modules() -> None:
    package = ROOT / "django_twilio_2fa"
    rooms = [p for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
    modules = {p.stem for p in rooms} - {"__init__", "migrations", "twilio"}
    for folder in ("providers", "twilio"):
        found = {p.stem for p in (package / folder).glob("*.py")} - {"__init__"}
        modules |= {f"{folder}.{module}" for module in found}
    contract = (ROOT / "pyproject.toml").read_text().partition("Providers import public modules only")[2]
    listed = contract.partition("forbidden_modules = [")[2].partition("]")[0]
    forbidden = set(re.findall(r'"django_twilio_2fa\.([\w.]+)"', listed))
    assert forbidden == modules - may_import()
    assert may_import() <= modules


def test_the_reference_notices_a_changed_signature(tmp_path: Path, monkeypatch: Any) -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import reference
    finally:
        sys.path.pop(0)
    (tmp_path / "access.py").write_text("def two_factor_required(view: int) -> None:\n    pass\n")
    monkeypatch.setattr(reference, "PACKAGE", tmp_path)
    monkeypatch.setattr(reference, "MODULES", {"For sites": ("access",)})
    assert "- `two_factor_required(view: int) -> None`" in reference.page()
