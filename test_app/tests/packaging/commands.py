"""Run commands outside the checkout, and read the files that a page of the docs contains."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SOURCES = {"django_twilio_2fa": ROOT / "django_twilio_2fa"} | {
    path.name: path for path in sorted((ROOT / "providers").iterdir()) if (path / "__init__.py").is_file()
}


def run(*command: str | Path, cwd: Path, also_errors: bool = False) -> str:
    """Run a command that must succeed, and return its standard output. Show all output if it fails."""
    # No environment variable of this process may make the command import the checkout.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout + (done.stderr if also_errors else "")


FIRST_LINE = re.compile(r"^(?:#|{#) ([\w./-]+\.\w+)(?: #})?\n")


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page of the docs contains: the blocks whose first line names a file."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```[\w+]+\n(.*?)^```", text, re.S | re.M)
    return {found[1]: block for block in blocks if (found := FIRST_LINE.match(block))}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
