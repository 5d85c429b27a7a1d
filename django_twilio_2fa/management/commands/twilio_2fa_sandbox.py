"""Serve the sandbox over HTTP on the loopback interface, for use with TWILIO_2FA_BASE_URL."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from ...sandbox import command


class Command(BaseCommand):
    help = "Serves the sandbox over HTTP on loopback, with faults on request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not apps.is_installed("django_twilio_2fa.sandbox"):
            raise CommandError("Add 'django_twilio_2fa.sandbox' to INSTALLED_APPS and migrate.")
        try:
            command.serve(options, self._say, lambda a: f"The sandbox listens. TWILIO_2FA_BASE_URL = {a!r}")
        except command.CannotServe as e:
            raise CommandError(str(e)) from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
