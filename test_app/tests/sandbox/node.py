"""Node.js packages for the tests that need them: `TWILIO_2FA_TEST_NODE` names the folder that has them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PACKAGES = ("twilio", "@stoplight/prism-cli")


def modules() -> Path:
    """Return the folder `node_modules`. Skips the test where it or Node.js is missing."""
    folder = Path(os.environ.get("TWILIO_2FA_TEST_NODE", "")) / "node_modules"
    if not shutil.which("node") or not all((folder / name).is_dir() for name in PACKAGES):
        pytest.skip(
            "needs Node.js, and TWILIO_2FA_TEST_NODE: npm install --prefix FOLDER " + " ".join(PACKAGES)
        )
    return folder.resolve()
