"""`manage.py test`: run the same tests with pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings


class PytestRunner:
    """Run pytest with labels and common options, in a process with the settings for tests."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("-k", dest="expression", help="Only tests whose names match this expression.")
        parser.add_argument("-m", dest="marks", help="Only tests whose marks match this expression.")
        parser.add_argument("-x", dest="exit_first", action="store_true", help="The same as --failfast.")
        parser.add_argument("--keepdb", action="store_true", help="Keeps the test database for the next run.")

    def run_tests(self, test_labels: list[str], **kwargs: Any) -> int:
        """Run the tests. Return the exit code of pytest, which is 0 if all passed."""
        command = [sys.executable, "-m", "pytest", *self.arguments(), *map(self.path, test_labels)]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "demo.settings_test"}
        return subprocess.run(command, cwd=settings.ROOT, env=environment, check=False).returncode  # noqa: S603

    def arguments(self) -> list[str]:
        given = self.options
        arguments = {0: ["-q"], 1: [], 2: ["-v"], 3: ["-vv"]}[given.get("verbosity", 1)]
        if given.get("expression"):
            arguments += ["-k", given["expression"]]
        if given.get("marks"):
            arguments += ["-m", given["marks"]]
        if given.get("failfast") or given.get("exit_first"):
            arguments += ["-x"]
        if given.get("keepdb"):
            arguments += ["--reuse-db"]
        return arguments

    @staticmethod
    def path(label: str) -> str:
        """Return the path of a label such as `tests/test_a.py::test_b` or `tests.test_a`."""
        file, separator, name = label.partition("::")
        given = Path(file)
        dotted = settings.TEST_APP.joinpath(*file.split("."))
        for candidate in (given, dotted, dotted.with_suffix(".py")):
            if candidate.exists():
                return f"{candidate.resolve()}{separator}{name}"
        return label
