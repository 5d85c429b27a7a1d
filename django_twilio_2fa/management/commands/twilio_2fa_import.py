"""Import the devices that users have registered with another package."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from ...importing.sources import SOURCES
from ...importing.take import Report, tables_of, take_all


class Command(BaseCommand):
    help = (
        "Takes over phone numbers, e-mail addresses and authenticators from the tables of another package, "
        "which need not be installed. It can be run again: what was taken over is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", choices=sorted(SOURCES), help="The package.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be taken over.")
        parser.add_argument("--json", action="store_true", help="Write the report as JSON.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The database with its tables.")
        parser.add_argument(
            "--decrypt",
            help="A dotted path to a function that decrypts a secret, if your site has them encrypted.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source, alias = options["source"], options["database"]
        if not tables_of(source, alias):
            raise CommandError(f"The database has no tables of {source}.")
        try:
            decrypt = import_string(options["decrypt"]) if options["decrypt"] else str
        except ImportError as e:
            raise CommandError(str(e)) from None
        report = take_all(source, alias, decrypt, dry_run=options["dry_run"])
        self.stdout.write(as_json(report) if options["json"] else as_text(report, options["dry_run"]))


def as_json(report: Report) -> str:
    about = {"taken": dict(report.taken), "there": report.there, "not_taken": report.not_taken}
    return json.dumps(about, indent=2)


def as_text(report: Report, dry_run: bool) -> str:
    said = "would be taken over" if dry_run else "taken over"
    lines = [f"{n} {kind} {said}" for kind, n in sorted(report.taken.items())] or [f"nothing {said}"]
    if report.there:
        lines.append(f"{report.there} there already")
    for row in report.not_taken:
        lines.append(f"not taken over: user {row['user']}, {row['kind']}: {row['why']}")
    return "\n".join(lines)
