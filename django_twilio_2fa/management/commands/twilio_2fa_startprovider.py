"""Create a distribution with your own method: a provider, its template, its tests and its packaging."""

from __future__ import annotations

import keyword
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

from ...providers.installed import get_registry

TEMPLATE = Path(__file__).resolve().parents[1] / "provider_template"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40


class Command(TemplateCommand):
    help = (
        "Writes a distribution with a method of your own, ready to install, and tests that pass as written."
    )
    # The files have this suffix so that tools do not process them as code.
    rewrite_template_suffixes = (("-tpl", ""),)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name", help="The name of the method: lower-case letters, digits and underscores."
        )
        parser.add_argument("directory", nargs="?", help="The folder to write to. Default: NAME-2fa.")

    def handle(self, *args: Any, **options: Any) -> None:
        method, directory = options.pop("name"), options.pop("directory")
        self.check_name(method)
        package = f"{method}_2fa"
        distribution = package.replace("_", "-")
        folder = Path(directory or distribution).expanduser().resolve()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CommandError(f"{folder} exists, and is not an empty folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise CommandError(f"{folder} cannot be created: {e.strerror}.") from None
        words = method.replace("_", " ")
        about = {
            "method": method,
            "distribution": distribution,
            "label": words[0].upper() + words[1:],
            "class_name": words.title().replace(" ", "") + "Provider",
        }
        rendered = {"template": str(TEMPLATE), "extensions": ["py", "toml", "md"], "files": []}
        super().handle("project", package, str(folder), **{**options, **rendered, **about})
        templates = folder / package / "templates" / "twilio_2fa"
        (templates / package).rename(templates / method)
        self.stdout.write(f'Written to {folder}. Next: pip install --editable ".[test]" there, and pytest.')

    def check_name(self, method: str) -> None:
        """Raise CommandError if the method cannot have this name."""
        if not NAME.fullmatch(method) or keyword.iskeyword(method) or len(method) > LONGEST:
            raise CommandError(
                f"{method!r} cannot be the name of a method: use lower-case letters, digits and underscores."
            )
        if source := get_registry().sources.get(method):
            raise CommandError(f"There is a method {method} already, in {source}.")
        if any(app.label == f"{method}_2fa" for app in apps.get_app_configs()):
            raise CommandError(
                f"There is an app with the label {method}_2fa already, which {method} would have."
            )
