"""Concurrent changes of the default device, on a real database server."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_twilio_2fa.contacts import PhoneNumber
from django_twilio_2fa.models import Device
from django_twilio_2fa.testing import verify

from ..helpers import at_once, same_browser
from ..people import Person

pytestmark = [pytest.mark.server_database, pytest.mark.django_db(transaction=True)]


def test_concurrent_changes_leave_one_default_device() -> None:
    user = get_user_model().objects.create_user("sam", password="sam")
    devices = [Device.objects.register(user, PhoneNumber(f"+1202555014{n}")) for n in range(8)]
    person = Person("sam")
    verify(person.client)
    for _round in range(5):
        answers = at_once(
            lambda n: same_browser(person.client).post(
                person.url("devices"), {"action": "make_default", "device": str(devices[n].pk)}
            ),
            8,
        )
        assert {answer.status_code for answer in answers} == {302}
        assert Device.objects.filter(default_at__isnull=False).count() == 1
