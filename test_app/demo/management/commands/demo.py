"""`manage.py demo`: set up the demo if necessary, print how to use it, and serve it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from ... import PEOPLE

WELCOME = """
django-twilio-2fa, the demo

  Open      http://localhost:{port}/  (or http://localtest.me:{port}/)
  Sign in   {people}
  Codes     {codes}

Ctrl-C stops it; `make demo-reset` forgets everything.
"""


class Command(BaseCommand):
    help = "Migrates, creates the users, says where everything is, and serves the demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--prepare", action="store_true", help="Do not serve.")

    def handle(self, *, port: int, prepare: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("demo_users", verbosity=0)
        if prepare:
            return
        people = "\n            ".join(f"{p.name} / {p.name}".ljust(16) + p.description for p in PEOPLE)
        if settings.TWILIO_2FA_SANDBOX:
            codes = f"http://localhost:{port}/sandbox/ shows what was sent; no account is needed"
        else:
            codes = "sent by Twilio, with the account in .env"
        self.stdout.write(WELCOME.format(port=port, people=people, codes=codes))
        self.stdout.flush()
        call_command("runserver", f"127.0.0.1:{port}", use_reloader=False)
