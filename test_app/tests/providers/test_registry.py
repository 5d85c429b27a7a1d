"""Installed providers are found, and a broken provider does not affect the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from demo.pigeon.provider import PigeonProvider
from django.core.checks import run_checks
from django.core.management import call_command

from django_twilio_2fa import provider_apps, registry
from django_twilio_2fa.providers import installed
from django_twilio_2fa.providers.installed import get_providers, get_registry

from ..people import Person

OWL = """
from django_twilio_2fa.providers import MethodProvider


class OwlProvider(MethodProvider):
    label = "Owl"
"""


class Fails(PigeonProvider):
    """A provider that raises when it is asked whether it is available."""

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        raise RuntimeError("no network")


class Misspelt(PigeonProvider):
    device_kind = "e-mail"


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    def forget() -> None:
        for cached in (
            registry.find,
            installed._installed,
            installed._load,
            installed.get_registry,
            installed.get_providers,
        ):
            cached.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: Any) -> Iterator[Callable[..., Path]]:
    """Return a function that puts a distribution with a provider on `sys.path`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def put(dist: str, name: str = "owl", code: str = OWL, points: str | bytes | None = None) -> Path:
        package = dist.replace("-", "_")
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "provider.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        if points is None:
            points = f"[{registry.GROUP}]\n{name} = {package}.provider:OwlProvider\n"
        data = points if isinstance(points, bytes) else points.encode()
        (info / "entry_points.txt").write_bytes(data)
        return tmp_path

    yield put
    for name in set(sys.modules) - before:
        if name.partition(".")[0].startswith(("owl", "other", "broken")):
            del sys.modules[name]


def ids() -> list[str | None]:
    return [m.id for m in run_checks(tags=["twilio_2fa"]) if not m.is_silenced()]


def test_bundled_providers_are_found_by_their_entry_points() -> None:
    assert {"sms", "call", "email", "whatsapp"} <= set(get_providers())
    assert {"twilio_2fa_sms", "twilio_2fa_whatsapp"} <= set(provider_apps())


def test_an_installed_distribution_adds_a_method_and_an_app(install: Any) -> None:
    install("owl-post")
    assert get_providers()["owl"].label == "Owl"
    assert "owl_post" in provider_apps()
    assert get_registry().apps["owl"] == "owl_post"


@pytest.mark.parametrize(
    "code", ["import nothing_of_this_name", "raise RuntimeError('no')", "OwlProvider = 1", "x = 1"]
)
def test_an_unusable_provider_leaves_the_others_working(install: Any, caplog: Any, code: str) -> None:
    install("broken-owl", code=code)
    assert "owl" not in get_providers()
    assert "sms" in get_providers()
    assert "The method owl from broken_owl cannot be used" in caplog.text
    assert "twilio_2fa.W001" in ids()


@pytest.mark.parametrize("points", ["this is no ini file", b"[x]\n\xff\xfe = \xff", "[a]\nx\n[a]\ny = 1"])
def test_broken_metadata_of_another_distribution_breaks_nothing(install: Any, points: Any) -> None:
    install("owl-post")
    install("other-thing", points=points)
    assert {"owl", "sms"} <= set(get_providers())


def test_two_spellings_of_a_distribution_count_as_one(install: Any) -> None:
    folder = install("owl-post")
    (folder / "owl_post-1.0.dist-info").rename(folder / "owl-post-1.0.dist-info")
    install("owl_post")
    assert "owl" in get_providers()
    assert [f.name for f in registry.find()].count("owl") == 1


def test_a_path_object_in_sys_path_is_accepted(install: Any, monkeypatch: Any) -> None:
    folder = install("owl-post")
    monkeypatch.setattr(sys, "path", [folder, *(p for p in sys.path if p != str(folder))])
    assert "owl" in {f.name for f in registry.find()}


def test_two_providers_of_one_name_are_an_error(install: Any, settings: Any) -> None:
    install("owl-post")
    install("other-owl")
    assert "owl" not in get_providers()
    (broken,) = get_registry().broken
    assert "other_owl and owl_post" in broken.reason
    settings.TWILIO_2FA_PROVIDERS = {"owl": "owl_post.provider.OwlProvider"}
    assert "owl" in get_providers()
    assert get_registry().broken == []


def test_the_setting_overrides_or_removes_installed_methods(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"sms": "demo.pigeon.provider.PigeonProvider", "call": None}
    assert type(get_providers()["sms"]).__name__ == "PigeonProvider"
    assert "call" not in get_providers()


def test_the_app_of_an_unimportable_package_is_left_out(install: Any, caplog: Any) -> None:
    folder = install("broken-owl")
    (folder / "broken_owl" / "__init__.py").write_text("raise RuntimeError('no')")
    assert "broken_owl" not in provider_apps()
    assert "twilio_2fa_sms" in provider_apps()
    assert "broken_owl cannot be imported" in caplog.text


def test_a_provider_whose_availability_check_fails_is_left_out(
    sam: Person, settings: Any, caplog: Any
) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"fails": f"{__name__}.Fails"}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["fails", "sms"]
    assert [method for method, _ in sam.opens("start").choices] == ["sms"]
    assert "no network" in caplog.text
    out = StringIO()
    call_command("twilio_2fa_providers", stdout=out)
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("fails")]
    assert line.endswith("no: it failed: RuntimeError")


def test_check_reports_a_provider_that_nobody_can_register(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"misspelt": f"{__name__}.Misspelt"}
    [message] = [m for m in run_checks(tags=["twilio_2fa"]) if m.id == "twilio_2fa.W006"]
    assert "'e-mail'" in message.msg
    out = StringIO()
    call_command("twilio_2fa_providers", stdout=out)
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("misspelt")]
    assert "no: its device_kind is 'e-mail'" in line


class Counted(PigeonProvider):
    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1


def test_a_provider_of_the_setting_is_made_once(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"counted": f"{__name__}.Counted"}
    before = Counted.made
    sam.opens("start").picks("email").types("123456")
    assert Counted.made == before + 1


def test_a_provider_that_cannot_be_imported_is_tried_once(
    sam: Person, settings: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "owl_that_fails.py").write_text(
        f"with open({str(ran)!r}, 'a') as ran:\n    ran.write('x')\nraise RuntimeError('no')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.TWILIO_2FA_PROVIDERS = {"owl": "owl_that_fails.OwlProvider"}
    sam.opens("start").picks("email").types("123456")
    assert ran.read_text() == "x"
    assert [b.name for b in get_registry().broken] == ["owl"]


def test_a_changed_setting_is_read_again(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"owl": f"{__name__}.Misspelt"}
    assert "owl" in get_providers()
    settings.TWILIO_2FA_PROVIDERS = {"sms": None}
    assert not {"owl", "sms"} & get_providers().keys()


def test_a_dotted_path_that_is_not_text_disables_one_provider(settings: Any) -> None:
    settings.TWILIO_2FA_PROVIDERS = {"owl": ["no", "path"]}
    assert [b.name for b in get_registry().broken] == ["owl"]
    assert "sms" in get_providers()
