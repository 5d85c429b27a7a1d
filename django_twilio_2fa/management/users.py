"""Define the base class of the commands that are about one user."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from ..managers import users


class UserCommand(BaseCommand):
    """Base class of commands with a user as argument. Writes the result as text, or as JSON with `--json`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The user's name, as they sign in, or their primary key.")
        parser.add_argument("--json", action="store_true", help="Write the result as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = self.find_user(options["user"])
        result = {"user": str(user.pk), **self.act(user, options)}
        self.stdout.write(json.dumps(result, indent=2) if options["json"] else self.as_text(result))

    def act(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Perform the action of the command. Return the result."""
        raise NotImplementedError

    def as_text(self, result: dict[str, Any]) -> str:
        """Return the result as lines of text."""
        raise NotImplementedError

    def find_user(self, text: str) -> Any:
        """Return the user with this name, or else with this primary key."""
        model = get_user_model()
        if "\0" in text:
            # PostgreSQL refuses to query for NUL characters.
            raise CommandError("There is no user with such a name.")
        try:
            # The same query as at sign-in, because a site's manager may ignore case.
            return model._default_manager.get_by_natural_key(text)
        except model.DoesNotExist:
            pass
        except model.MultipleObjectsReturned:
            raise CommandError(f"There is more than one user {text}. Give the primary key.") from None
        try:
            return users().get(pk=text)
        except (model.DoesNotExist, ValueError, ValidationError, OverflowError):
            # The text may not be a valid primary key.
            raise CommandError(f"There is no user {text}.") from None
