"""The command `twilio-2fa-sandbox` in an empty folder, for the tests that need it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Variables with which the command would use the settings of these tests.
LEADS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTHONPATH")
COMMAND = [sys.executable, "-W", "error", "-m", "django_twilio_2fa.sandbox"]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in LEADS}


@contextmanager
def served(folder: Path, *options: str, command: list[str] = COMMAND, **more: str) -> Iterator[str]:
    """Serve the sandbox on a free port, and yield its address. Any error or warning fails the test."""
    process = subprocess.Popen(
        [*command, "--port", "0", *options],
        cwd=folder,
        env={**environment(), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().rpartition(" ")[2].strip()
        assert address.startswith("http://127.0.0.1:"), process.communicate(timeout=10)
        yield address
    finally:
        process.terminate()
        complaints = process.communicate(timeout=20)[1]
    assert (process.returncode, complaints) == (0, "")
