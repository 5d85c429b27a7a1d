"""Node.js packages for tests, in the folder that `TWILIO_2FA_TEST_NODE` names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PACKAGES = ("twilio", "@stoplight/prism-cli")


def modules() -> Path:
    """Return the folder `node_modules`. Skip the test if the folder or Node.js is missing."""
    folder = Path(os.environ.get("TWILIO_2FA_TEST_NODE", "")) / "node_modules"
    if not shutil.which("node") or not all((folder / name).is_dir() for name in PACKAGES):
        pytest.skip(
            "needs Node.js, and TWILIO_2FA_TEST_NODE: npm install --prefix FOLDER " + " ".join(PACKAGES)
        )
    return folder.resolve()
