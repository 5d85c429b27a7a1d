"""Compare this site's verifications with the messages that Twilio has sent."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from ... import errors
from ...process import figures_report, reconciliation

SHOWN = 20
TITLES = {
    "unknown": "sent by Twilio, and not known here",
    "missing": "sent from here, and not known to Twilio",
    "sends": "with another number of messages",
    "approvals": "approved on one side only",
    "summaries": "services whose summary differs from their attempts",
}


class Command(BaseCommand):
    help = "Compares verifications with Twilio's attempts. Exits non-zero if anything differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            default="1d",
            help="How long ago it begins (24h, 1d, 2w), or a date (2026-01-31). Days are those of UTC, and "
            "are compared as a whole. Default: 1d.",
        )
        parser.add_argument("--json", action="store_true", help="Write the result as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            since = figures_report.first_day(options["since"])
        except ValueError as e:
            raise CommandError(f"--since {options['since']}: {e}") from None
        try:
            result = reconciliation.reconcile(since, figures_report.today())
        except ImproperlyConfigured as e:
            raise CommandError(str(e)) from None
        except errors.TwoFactorError as e:
            raise CommandError(f"Twilio could not be asked: {e}.") from None
        told = {"since": since.isoformat(), **result.as_dict()}
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            self._write_text(told)
        if result.differs:
            raise CommandError("Twilio and this site differ.", returncode=1)

    def _write_text(self, told: dict[str, Any]) -> None:
        self.stdout.write(f"{told['attempts']} messages at Twilio since {told['since']}")
        self.stdout.write(f"{told['compared']} verifications compared")
        if told["before_our_rows"]:
            self.stdout.write(
                f"{told['before_our_rows']} messages are older than the rows that are kept here"
            )
        for currency, amount in told["charged"].items():
            self.stdout.write(f"charged: {amount} {currency.upper()}")
        for name, title in TITLES.items():
            if n := told[f"{name}_total"]:
                self.stdout.write(f"{n} {title}")
            for row in told[name][:SHOWN]:
                self.stdout.write("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
