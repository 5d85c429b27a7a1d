"""Distributions that are built from this checkout, and environments to install them in."""

from __future__ import annotations

import site
import sys
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .commands import ROOT, SOURCES, run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist, and the wheel from that sdist, as `python -m build` does. Return their paths."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return {"wheel": next(folder.glob("*.whl")), "sdist": next(folder.glob("*.tar.gz"))}


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all installed packages but this project. It replaces the package index."""
    folder = tmp_path_factory.mktemp("third-party")
    for installed in map(Path, site.getsitepackages()):
        for path in installed.glob("*"):
            ours = path.suffix == ".pth" or "django_twilio_2fa" in path.name or path.name in SOURCES
            if not ours and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def _environment(folder: Path, dependencies: Path, *distributions: Path) -> Path:
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    packages = run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip()
    (Path(packages) / "dependencies.pth").write_text(f"{dependencies}\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--no-build-isolation", "--no-compile", *distributions, cwd=folder)
    return python


def needed(requirement: Requirement) -> Iterator[Distribution]:
    """Yield what pip would install with a distribution, without the distribution itself."""
    for line in distribution(requirement.name).requires or ():
        found = Requirement(line)
        extras = requirement.extras or {""}
        if found.marker is None or any(found.marker.evaluate({"extra": extra}) for extra in extras):
            if found.name != requirement.name:
                yield distribution(found.name)
            yield from needed(found)


@pytest.fixture
def empty_environment(built: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Make an environment that has what `pip install REQUIREMENT` installs, and nothing else."""

    def make(requirement: str) -> Path:
        dependencies = tmp_path / "dependencies"
        dependencies.mkdir()
        for found in needed(Requirement(requirement)):
            for name in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "")}:
                path = Path(str(found.locate_file(name)))
                if path.exists() and not (dependencies / name).exists():
                    (dependencies / name).symlink_to(path)
        return _environment(tmp_path, dependencies, built["wheel"])

    return make


@pytest.fixture(scope="session")
def environment(third_party: Path) -> Callable[..., Path]:
    """Make an environment in a folder, with these distributions in it. Return its Python."""

    def make(folder: Path, *distributions: Path) -> Path:
        return _environment(folder, third_party, *distributions)

    return make
