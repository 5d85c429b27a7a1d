"""`manage.py messages`: collect the sentences of the package and its providers, and compile them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

ROOT = Path(__file__).resolve().parents[4]
KIT = ROOT / "django_twilio_2fa"
# Changes with every run.
CREATED = re.compile(r'^"POT-Creation-Date:.*\n', re.M)


def packages() -> list[Path]:
    """Return the folders that have catalogues of their own."""
    return [KIT, *sorted(p.parent for p in (ROOT / "providers").glob("*/__init__.py"))]


def languages() -> list[str]:
    """Return the languages of the package, as its folders are called: `de`, `pt_BR`."""
    return sorted(p.name for p in (KIT / "locale").iterdir())


class Command(BaseCommand):
    help = "Writes locale/*/LC_MESSAGES/django.po and .mo of the package and of each provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--add", action="append", default=[], help="a new language, such as da or pt_BR")

    def handle(self, **options: Any) -> None:
        if not shutil.which("xgettext"):
            raise CommandError("This needs GNU gettext. On Debian: apt-get install gettext")
        wanted = sorted({*languages(), *options["add"]})
        here = Path.cwd()
        for package in packages():
            (package / "locale").mkdir(exist_ok=True)
            # makemessages collects what is below the current folder.
            os.chdir(package)
            try:
                call_command(
                    "makemessages",
                    locale=wanted,
                    no_wrap=True,
                    no_obsolete=True,
                    add_location="file",
                    verbosity=0,
                )
            finally:
                os.chdir(here)
            for language in wanted:
                self.finish(package / "locale" / language / "LC_MESSAGES" / "django.po")

    def finish(self, catalogue: Path) -> None:
        """Remove the creation date, which differs from run to run, and compile the catalogue."""
        if not catalogue.exists():
            # makemessages writes no file for a package without sentences.
            return
        catalogue.write_text(CREATED.sub("", catalogue.read_text(), count=1))
        command = ["msgfmt", "--check-format", "-o", str(catalogue.with_suffix(".mo")), str(catalogue)]
        subprocess.run(command, check=True)  # noqa: S603  a fixed program
