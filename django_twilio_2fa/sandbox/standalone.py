"""Serve the sandbox without a Django project: the command `twilio-2fa-sandbox`."""

from __future__ import annotations

import secrets
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import command

CODE_LENGTHS = range(4, 11)


def _code_length(text: str) -> int:
    if not text.isdecimal() or int(text) not in CODE_LENGTHS:
        raise ArgumentTypeError("a number from 4 to 10")
    return int(text)


def settings_for(database: Path, code_length: int) -> dict[str, Any]:
    """Return the settings of a Django project that has only the sandbox."""
    return {
        "DEBUG": False,  # with DEBUG, Django stores every query in memory
        "SECRET_KEY": secrets.token_hex(32),
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "USE_I18N": False,
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": ["django_twilio_2fa.sandbox"],
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(database),
                "OPTIONS": {"timeout": 30},
            }
        },
        "TEMPLATES": [
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [], "APP_DIRS": True}
        ],
        "TWILIO_2FA_SANDBOX": True,
        "TWILIO_2FA_SANDBOX_WITHOUT_DEBUG": True,
        "TWILIO_2FA_TOKEN_LENGTH": code_length,
    }


def prepare(database: Path, code_length: int) -> None:
    """Set up Django and create the tables."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(**settings_for(database, code_length))
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def announcement(address: str) -> str:
    return (
        f"Twilio Verify, simulated: {address}\n"
        f"The messages it would have sent: {address}/sandbox/\n"
        "Stop it with Ctrl-C."
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `twilio-2fa-sandbox`."""
    parser = ArgumentParser(
        prog="twilio-2fa-sandbox",
        description="Simulate Twilio Verify on this machine. It needs no account, and nothing is sent.",
    )
    command.add_arguments(parser)
    parser.add_argument(
        "--code-length", type=_code_length, default=6, help="The digits of a code. Default: 6."
    )
    parser.add_argument("--database", type=Path, help="An SQLite file that keeps the state between runs.")
    options = vars(parser.parse_args(arguments))
    signal.signal(signal.SIGTERM, _interrupt)
    with TemporaryDirectory(prefix="twilio-2fa-sandbox-", ignore_cleanup_errors=True) as folder:
        try:
            prepare(options["database"] or Path(folder) / "sandbox.sqlite3", options["code_length"])
            command.serve(options, _say, announcement)
        except command.CannotServe as e:
            parser.exit(1, f"{parser.prog}: {e}\n")
        except KeyboardInterrupt:
            pass
