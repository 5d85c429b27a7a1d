"""Remove devices of a user, such as one who has lost their phone."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ...models.devices import Device
from ...process import administration
from ..users import UserCommand


class Command(UserCommand):
    help = (
        "Removes devices of a user and tells the user by e-mail. A user without a device can register one "
        "with their password alone. Numbers and addresses that your site stores itself are not removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--device", action="append", default=[], help="The id of a device. Repeatable.")
        which.add_argument("--all", action="store_true", help="Remove all devices.")

    def act(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        devices = list(Device.objects.filter(user=user))
        if not options["all"]:
            own = {str(device.pk): device for device in devices}
            if unknown := [id for id in options["device"] if id not in own]:
                raise CommandError(f"The user has no device {', '.join(unknown)}. See twilio_2fa_status.")
            devices = [own[id] for id in options["device"]]
        return {"removed": administration.remove(user, devices)}

    def as_text(self, result: dict[str, Any]) -> str:
        lines = [f"Removed: {value}" for value in result["removed"]]
        return "\n".join(lines) or "The user has no device."
