"""`manage.py demo_users`: create the users of the demo. Existing users stay as they are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device

from ... import PEOPLE


class Command(BaseCommand):
    help = "Creates the demo's users, the name being the password; those that exist stay as they are."

    def handle(self, **options: Any) -> None:
        users = get_user_model().objects
        for person in PEOPLE:
            if users.filter(username=person.name).exists():
                continue
            create = users.create_superuser if person.superuser else users.create_user
            user = create(person.name, person.email, person.name)
            if person.registered:
                Device.objects.register(user, PhoneNumber(person.phone_number))
                Device.objects.register(user, EmailAddress(person.email))
            if options["verbosity"]:
                self.stdout.write(f"  {person.name} / {person.name}: {person.description}")
