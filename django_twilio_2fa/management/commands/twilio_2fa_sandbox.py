"""Serve the sandbox over HTTP on loopback, for TWILIO_2FA_BASE_URL to point at."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Serves the sandbox over HTTP on loopback, with faults on request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8010, help="0 takes a free one. Default: 8010.")
        parser.add_argument("--fault", default="", help="What goes wrong with every request; see --faults.")
        parser.add_argument("--on", default="", help="Only requests whose path ends so: VerificationCheck.")
        parser.add_argument("--seconds", type=float, help="How long a fault takes that takes time.")
        parser.add_argument("--faults", action="store_true", help="List the faults and leave.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not apps.is_installed("django_twilio_2fa.sandbox"):
            raise CommandError("Add 'django_twilio_2fa.sandbox' to INSTALLED_APPS and migrate.")
        from ...sandbox.injected import FAULTS
        from ...sandbox.server import SandboxServer

        if options["faults"]:
            for name, does in FAULTS.items():
                self.stdout.write(f"{name}: {does}")
            return
        try:
            server = SandboxServer(options["port"])
        except OSError as e:
            raise CommandError(f"Port {options['port']} cannot be used: {e.strerror}.") from None
        if options["fault"]:
            try:
                server.inject(options["fault"], on=options["on"], times=0, seconds=options["seconds"])
            except KeyError:
                server.server_close()
                raise CommandError(f"There is no fault {options['fault']}; see --faults.") from None
        self.stdout.write(f"The sandbox listens. TWILIO_2FA_BASE_URL = {server.address!r}")
        self.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.run()
