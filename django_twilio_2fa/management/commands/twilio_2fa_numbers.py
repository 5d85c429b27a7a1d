"""List the registered phone numbers that are not valid according to phonenumbers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...contacts import PhoneNumber
from ...errors import TwoFactorError
from ...models.devices import Device


class Command(BaseCommand):
    help = (
        "Lists registered phone numbers that the installed version of phonenumbers does not consider valid. "
        "Codes are still sent to them; their owners may have to register a new form of their number. Numbers "
        "that the site keeps itself (TWILIO_2FA_PHONE_NUMBER_CB) are not listed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        n = 0
        for device in Device.objects.filter(kind=PhoneNumber.kind).order_by("pk").iterator():
            try:
                number = PhoneNumber.stored(device.value)
                why = "" if number.is_valid else f"not valid in {number.country_code or 'any country'}"
            except TwoFactorError:
                why = "not readable as a number"
            if why:
                n += 1
                self.stdout.write(f"device {device.pk} of user {device.user_id}: {device.masked} ({why})")
        self.stdout.write(f"{n} in all.")
