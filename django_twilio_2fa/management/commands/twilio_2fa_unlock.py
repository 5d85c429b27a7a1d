"""Unlock a user who has typed too many wrong codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from ...process import reservations


class Command(BaseCommand):
    help = "Lifts the locks of a user and forgets their wrong codes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The user's name, as they sign in.")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        try:
            user = users._default_manager.get_by_natural_key(options["user"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['user']}.") from None
        self.stdout.write(f"{reservations.unlock(user)} locks lifted.")
