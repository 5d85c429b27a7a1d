"""Distributions of this checkout work elsewhere, alone and with a method of another distribution."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from ..sandbox.standalone import served
from .commands import HERE, SOURCES, files_of, run, write

pytestmark = pytest.mark.packaging


@pytest.fixture
def install(environment: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Make an environment for one test."""
    return partial(environment, tmp_path)


@pytest.fixture(scope="module")
def python_with_wheel(
    environment: Callable[..., Path], built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the Python of an environment that has the wheel, for tests that install nothing else."""
    return environment(tmp_path_factory.mktemp("with-wheel"), built["wheel"])


@pytest.fixture
def python_with_sdist(install: Callable[..., Path], built: dict[str, Path]) -> Path:
    return install(built["sdist"])


def drive(python: Path, *methods: str) -> dict[str, Any]:
    """Run a project of three files in that environment, outside the checkout. Return what it prints."""
    project = python.parents[1] / "project"
    shutil.copytree(HERE / "project", project)
    seen: dict[str, Any] = json.loads(run(python, "drive.py", *methods, cwd=project))
    return seen


def as_on_the_index(distribution: str) -> str:
    """Return the name of a distribution as on the index, with dashes for the underscores of its folder."""
    return distribution.replace("_", "-")


def files_in(package: Path) -> set[str]:
    """Return every file of a package, as a path that begins with the folder of the package."""
    paths = (p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {f"{package.name}/{p.relative_to(package).as_posix()}" for p in paths}


def test_wheel_contains_every_file_of_the_packages_only(built: dict[str, Path]) -> None:
    names = {n for n in zipfile.ZipFile(built["wheel"]).namelist() if ".dist-info/" not in n}

    assert names == set().union(*map(files_in, SOURCES.values()))


def test_wheel_contains_templates_catalogues_and_static_files(built: dict[str, Path]) -> None:
    names = set(zipfile.ZipFile(built["wheel"]).namelist())

    assert {f"{package}/py.typed" for package in SOURCES} <= names
    assert {f"{package}/locale/de/LC_MESSAGES/django.mo" for package in SOURCES} <= names
    assert "django_twilio_2fa/contacts/country_names/de.json" in names
    assert "django_twilio_2fa/templates/twilio_2fa/verify.html" in names
    assert "django_twilio_2fa/migrations/0001_initial.py" in names
    assert any(name.startswith("django_twilio_2fa/static/") for name in names)
    assert not any(name.startswith(("providers", "test_app", "docs")) for name in names)


def test_sdist_contains_the_tests_and_their_files(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "test_app/manage.py", "docs/conf.py"} <= names
    assert not any(name.startswith((".venv", ".git/")) or name.endswith(".sqlite3") for name in names)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_installed_outside_the_checkout_verifies_a_user(kind: str, request: pytest.FixtureRequest) -> None:
    python: Path = request.getfixturevalue(f"python_with_{kind}")

    seen = drive(python, "sms")

    environment = str(python.parents[1])
    assert seen["package"].startswith(environment)
    assert all(file.startswith(environment) for file in seen["files"].values())
    assert set(seen["providers"]) == {package.removeprefix("twilio_2fa_") for package in list(SOURCES)[1:]}
    assert {as_on_the_index(name) for name in seen["providers"].values()} == {"django-twilio-2fa"}
    assert seen["broken"] == []


def test_the_sandboxs_command_runs_in_an_empty_folder(python_with_wheel: Path, tmp_path: Path) -> None:
    command = python_with_wheel.parent / "twilio-2fa-sandbox"
    account = ("AC" + "1" * 32, "any")
    with served(tmp_path, command=[str(command)]) as address:
        verifications = f"{address}/v2/Services/VA{'2' * 32}/Verifications"
        sent = requests.post(verifications, {"To": "+12025550143", "Channel": "sms"}, auth=account, timeout=5)
        assert sent.json()["status"] == "pending"
        assert requests.get(f"{address}/sandbox/handset.css", timeout=5).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_a_method_of_another_distribution_verifies_a_user(
    built: dict[str, Path], install: Callable[..., Path], tmp_path: Path
) -> None:
    courier = tmp_path / "courier"
    shutil.copytree(HERE / "courier", courier)

    seen = drive(install(built["wheel"], courier), "courier", "sms")

    assert as_on_the_index(seen["providers"]["courier"]) == "courier-2fa"
    assert "The courier rings twice" in seen["pages"]["courier"]
    assert "The courier rings twice" not in seen["pages"]["sms"]


def test_the_tutorials_method_passes_the_contract_tests(
    built: dict[str, Path], install: Callable[..., Path], tmp_path: Path
) -> None:
    source = tmp_path / "pigeon-post"
    files = files_of("providers.md")
    write(source, {**files, "pigeon_post/__init__.py": "", "tests/__init__.py": ""})
    run(
        sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, source, cwd=tmp_path
    )
    [wheel] = tmp_path.glob("pigeon_post-*.whl")
    python = install(built["wheel"], wheel)
    # Test the wheel: copy only the tests of the sources.
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, {n: t for n, t in files.items() if n.startswith("tests/") or n == "pyproject.toml"})
    (elsewhere / "tests" / "__init__.py").touch()

    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=elsewhere)

    found = re.search(r"(\d+) passed", said)
    assert found, said
    assert int(found[1]) > 15, said
    told = run(
        python,
        "-m",
        "django",
        "twilio_2fa_providers",
        "--settings=tests.settings",
        "--pythonpath=.",
        cwd=elsewhere,
    )
    [line] = [line for line in told.splitlines() if line.startswith("pigeon ")]
    assert line.split()[1:] == ["pigeon_post", "pigeon_post", "yes"]


def test_a_generated_provider_installs_and_its_tests_pass(
    built: dict[str, Path], install: Callable[..., Path], tmp_path: Path
) -> None:
    site_of_theirs = tmp_path / "project"
    shutil.copytree(HERE / "project", site_of_theirs)
    python = install(built["wheel"])
    manage = (python, "-m", "django", "twilio_2fa_startprovider", "--settings=settings", "--pythonpath=.")
    run(*manage, "carrier_pigeon", tmp_path / "written", cwd=site_of_theirs)
    build = (sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path)
    run(*build, tmp_path / "written", cwd=tmp_path)
    [wheel] = tmp_path.glob("carrier_pigeon_2fa-*.whl")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps")
    run(*pip, wheel, cwd=tmp_path)
    # Test the wheel, not the sources beside the tests.
    shutil.rmtree(tmp_path / "written" / "carrier_pigeon_2fa")

    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "written")

    found = re.search(r"(\d+) passed", said)
    assert found, said
    assert int(found[1]) > 15, said


def test_the_three_tests_of_the_docs_pass_in_a_site(python_with_wheel: Path, tmp_path: Path) -> None:
    files = files_of("testing.md")
    assert set(files) == {"pytest.ini", "settings.py", "test_two_factor.py", "tests.py"}
    own = (
        (HERE / "project" / "settings.py")
        .read_text()
        .replace("TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = True\n", "")
    )
    assert own.count("SANDBOX_WITHOUT_DEBUG") == 0
    for name, command in {
        "test_two_factor.py": ["-m", "pytest", "-q", "-p", "no:cacheprovider"],
        "tests.py": ["-m", "django", "test", "--settings=settings", "--pythonpath=."],
    }.items():
        site_of_theirs = tmp_path / name.removesuffix(".py")
        shutil.copytree(HERE / "project", site_of_theirs)
        write(
            site_of_theirs,
            {
                name: files[name],
                "settings.py": own + files["settings.py"],
                "pytest.ini": files["pytest.ini"].replace("mysite.settings", "settings") + "pythonpath = .\n",
            },
        )

        said = run(python_with_wheel, *command, cwd=site_of_theirs, also_errors=True)

        assert "3 passed" in said or "Ran 3 tests" in said, said


def test_the_plugin_is_idle_in_tests_without_django(python_with_wheel: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "plain",
        {"test_plain.py": "import sys\n\n\ndef test_it():\n    assert 'django' not in sys.modules\n"},
    )
    said = run(
        python_with_wheel,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
        cwd=tmp_path / "plain",
    )
    assert "1 passed" in said
