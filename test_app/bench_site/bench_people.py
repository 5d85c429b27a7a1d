"""Create users with a phone each in the database of either version: `bench_people.py HOW_MANY AREA_CODE`."""

from __future__ import annotations

import sys

import django
from django.db import transaction

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402

from django_twilio_2fa.contacts import PhoneNumber  # noqa: E402
from django_twilio_2fa.models import Device  # noqa: E402

with transaction.atomic():
    for i in range(int(sys.argv[1])):
        user = get_user_model().objects.create_user(f"bench{i}", password="bench")
        Device.objects.register(user, PhoneNumber(f"+1{sys.argv[2]}{2000000 + i}"))
