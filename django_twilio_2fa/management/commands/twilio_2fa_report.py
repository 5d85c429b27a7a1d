"""Show the daily figures: sends, approvals, refusals and their cost."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...process import figures_report

SHOWN = ("sent", "approved", "failed", "expired", "refused", "limited", "locked", "cost")


class Command(BaseCommand):
    help = "Shows what was sent, approved and refused by day, method and country, and what it cost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            default="7d",
            help="How long ago it begins (24h, 1d, 2w), or a date (2026-01-31). Days are those of UTC, and "
            "are counted as a whole. Default: 7d.",
        )
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="Write everything as JSON.")
        shape.add_argument("--csv", action="store_true", help="Write the groups as CSV.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            since = figures_report.first_day(options["since"])
        except ValueError as e:
            raise CommandError(f"--since {options['since']}: {e}") from None
        told = figures_report.report(since)
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        elif options["csv"]:
            writer = csv.DictWriter(self.stdout, figures_report.CSV_COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(told["groups"])
        else:
            self._write_text(told)

    def _write_text(self, told: dict[str, Any]) -> None:
        self.stdout.write(f"{told['since']} to {told['until']}, cost in {told['currency']}")
        for row in [*told["countries_and_methods"], {"country": "all", "method": "", **told["total"]}]:
            known = row["conversion"]
            share = "" if known is None else f", {100 * known:.0f} % approved of sent"
            numbers = ", ".join(f"{row[name]} {name}" for name in SHOWN)
            name = " ".join(filter(None, (row["country"] or "no country", row["method"])))
            self.stdout.write(f"{name}: {numbers}{share}")
