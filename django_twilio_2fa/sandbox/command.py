"""Define the options of the two commands that serve the sandbox, and the function that serves it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

DEFAULT_PORT = 8010


class CannotServe(Exception):
    """The sandbox cannot be served with these options."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"0 takes a free one. Default: {DEFAULT_PORT}."
    )
    parser.add_argument("--account-sid", default="", help="Accept only this account SID; needs --auth-token.")
    parser.add_argument("--auth-token", default="", help="Accept only this auth token; needs --account-sid.")
    parser.add_argument("--fault", default="", help="The fault of every request; see --faults.")
    parser.add_argument("--on", default="", help="Only requests whose path ends so: VerificationCheck.")
    parser.add_argument("--seconds", type=float, help="How long a fault takes that takes time.")
    parser.add_argument("--faults", action="store_true", help="List the faults and exit.")


def serve(options: Mapping[str, Any], say: Callable[[str], None], announce: Callable[[str], str]) -> None:
    """Serve until interrupted. `announce` returns the first line for an address. Raises `CannotServe`."""
    from .fault_injection import INJECTABLE_FAULTS
    from .server import SandboxServer

    if options["faults"]:
        for name, does in INJECTABLE_FAULTS.items():
            say(f"{name}: {does}")
        return
    only = options["account_sid"], options["auth_token"]
    if any(only) and not all(only):
        raise CannotServe("Give both --account-sid and --auth-token, or neither.")
    try:
        server = SandboxServer(options["port"], only=only if all(only) else None)
    except OverflowError:
        raise CannotServe("A port is a number from 0 to 65535.") from None
    except OSError as e:
        raise CannotServe(f"Port {options['port']} cannot be used: {e.strerror}.") from None
    try:
        if options["fault"]:
            server.inject(options["fault"], on=options["on"], times=0, seconds=options["seconds"])
        say(announce(server.address))
        with suppress(KeyboardInterrupt):
            server.run()
    except KeyError:
        raise CannotServe(f"There is no fault {options['fault']}; see --faults.") from None
    finally:
        server.server_close()
