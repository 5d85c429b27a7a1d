"""Pause sending, resume it, and list the pauses."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration

from ...models.pauses import Pause
from ...process import pauses
from ...providers.installed import get_providers


class Command(BaseCommand):
    help = (
        "Pauses sending: of a method, to a country, or both; with --registrations only to phone numbers and "
        "addresses that nobody has proven yet. Without any of these, all sending. It holds on all servers "
        "for the next send."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--method", default="", help="The name of a method. Default: all that send.")
        parser.add_argument("--country", default="", help="A country, such as GB. Default: all.")
        parser.add_argument("--registrations", action="store_true", help="Pause registrations only.")
        parser.add_argument("--reason", default="", help="Why. It is logged, and shown in the admin.")
        ends = "When it ends: a moment (2026-12-24T18:00+01:00) or a duration (90m, 2h, 1d). Default: never."
        parser.add_argument("--until", default="", help=ends)
        parser.add_argument("--resume", action="store_true", help="End the pauses that these options name.")
        parser.add_argument("--extend", default="", metavar="ID", help="Change when a pause of --list ends.")
        parser.add_argument("--lift", default="", metavar="ID", help="End one pause of --list.")
        parser.add_argument("--list", action="store_true", help="List the pauses that last.")
        parser.add_argument("--json", action="store_true", help="Write the list as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list(as_json=options["json"])
        elif key := options["lift"] or options["extend"]:
            row = self._find(key)
            if options["lift"]:
                pauses.resume([row], by=pauses.COMMAND)
            else:
                pauses.extend(row, self._until(options["until"]), by=pauses.COMMAND)
            self.stdout.write("Done.")
        else:
            self._pause_or_resume(options)

    def _pause_or_resume(self, options: dict[str, Any]) -> None:
        method, country = self._method(options["method"]), self._country(options["country"])
        which = {"registrations": options["registrations"]}
        if options["resume"]:
            rows = Pause.objects.lasting().filter(key=pauses.key_of(method, country, **which))
            ended = pauses.resume(rows, by=pauses.COMMAND)
            self.stdout.write(f"{len(ended)} pauses were ended.")
            return
        until = self._until(options["until"])
        row = pauses.pause(method, country, **which, until=until, reason=options["reason"])
        self.stdout.write(f"Paused: {describe(row)}")

    def _method(self, name: str) -> str:
        provider = get_providers().get(name) if name else None
        if name and (provider is None or not provider.sends):
            raise CommandError(f"There is no method {name} that sends codes.")
        return name

    def _country(self, told: str) -> str:
        import phonenumbers

        code = told.strip().upper()
        if code and code not in phonenumbers.SUPPORTED_REGIONS:
            raise CommandError(f"There is no country {told}.")
        return code

    def _find(self, key: str) -> Pause:
        row = Pause.objects.lasting().filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
        if row is None:
            raise CommandError(f"There is no pause {key}.")
        return row

    def _until(self, text: str) -> int:
        """Return the Unix time of a moment or a duration from now."""
        if not text:
            return Pause.FOR_EVER
        moment = _moment(text)
        if moment is None:
            raise CommandError(f"{text} is neither a moment nor a duration.")
        until = int(moment.timestamp())
        if until <= time.time():
            raise CommandError(f"{text} is in the past.")
        return until

    def _list(self, *, as_json: bool) -> None:
        rows = Pause.objects.lasting().order_by("pk")
        if as_json:
            self.stdout.write(json.dumps([as_data(row) for row in rows], indent=2))
            return
        for row in rows:
            self.stdout.write(f"{row.pk}: {describe(row)}")
        if not rows:
            self.stdout.write("Nothing is paused.")


UNITS = {"m": 60, "h": 3600, "d": 86400}


def _moment(text: str) -> datetime | None:
    now = timezone.now() if timezone.is_aware(timezone.now()) else datetime.now().astimezone()
    try:
        if text[-1] in UNITS and text[:-1].isdecimal():
            return now + timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
        if moment := parse_datetime(text):
            return moment if moment.tzinfo else timezone.make_aware(moment)
        duration = parse_duration(text)
        return None if duration is None else now + duration
    except (ValueError, OverflowError):
        return None


def as_data(row: Pause) -> dict[str, Any]:
    """Return a pause as JSON."""
    return {
        "id": row.pk,
        "method": row.method,
        "place": row.place,
        "registrations": row.registrations,
        "reason": row.reason,
        "by": row.by,
        "until": row.ends.isoformat() if row.ends else None,
    }


def describe(row: Pause) -> str:
    """Return a pause as a line of text."""
    what = "registrations" if row.registrations else "sending"
    ends = f"until {row.ends.isoformat(timespec='minutes')}" if row.ends else "until somebody resumes it"
    how = f" by {row.method}" if row.method else ""
    where = f" to {row.place}" if row.place else ""
    return f"{what}{how}{where}, {ends}, by {row.by}. {row.reason}".strip()
