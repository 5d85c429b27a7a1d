"""`manage.py countries`: write the countries' names in each language, from the CLDR data of Node.js."""

from __future__ import annotations

import subprocess
from typing import Any

import phonenumbers
from django.core.management.base import BaseCommand

from .messages import KIT, ROOT, languages

SCRIPT = ROOT / "test_app" / "country_names.cjs"
NAMES = KIT / "contacts" / "country_names"


class Command(BaseCommand):
    help = "Writes django_twilio_2fa/contacts/country_names/*.json."

    def handle(self, **options: Any) -> None:
        regions = ",".join(sorted(phonenumbers.SUPPORTED_REGIONS))
        wanted = ",".join(["en", *languages()])
        command = ["node", str(SCRIPT), str(NAMES), regions, wanted]
        subprocess.run(command, check=True)  # noqa: S603  a fixed program
