"""`manage.py test` runs the same suite with pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

TEST_APP = Path(__file__).resolve().parents[2]
HERE = "tests.packaging.test_own_method"


def manage_test(*arguments: str) -> subprocess.CompletedProcess[str]:
    # This process already uses the test database of a server. The one of SQLite is in memory.
    without = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS")
    environment = {k: v for k, v in os.environ.items() if k not in without}
    return subprocess.run(
        [sys.executable, "manage.py", "test", *arguments],
        cwd=TEST_APP,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_label_and_an_expression_pick_the_tests() -> None:
    done = manage_test(HERE, "-k", "offered or stored_nowhere")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_path_picks_the_tests() -> None:
    done = manage_test(
        "tests/packaging/test_own_method.py::test_the_code_of_an_own_method_is_stored_nowhere", "-v", "2"
    )

    assert done.returncode == 0, done.stdout
    assert "test_the_code_of_an_own_method_is_stored_nowhere PASSED" in done.stdout


def test_the_test_command_fails_if_a_test_fails() -> None:
    done = manage_test(HERE, "-k", "there is no such test")

    assert done.returncode != 0
