"""Delete old verifications, counters, locks and browsers, and clear destinations that are not needed."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...process import cleanup

MOST_DAYS = 36500


class Command(BaseCommand):
    help = "Deletes verifications that ended long ago, in batches, and blanks destinations left behind."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="Keep what is younger. Default: 90.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days takes a number of days from 0 to {MOST_DAYS}.")
        done = cleanup.prune(timedelta(days=options["days"]), dry_run=options["dry_run"])
        done["leftovers at providers"] = cleanup.delete_all_pending(dry_run=options["dry_run"])
        said = "would be" if options["dry_run"] else "were"
        for what, n in done.items():
            self.stdout.write(f"{n} {what} {said} removed.")
