"""Devices in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from django_twilio_2fa.models import Device

from .people import EMAIL, PHONE, Person

DEVICES = "/admin/twilio_2fa/device/"


@pytest.fixture
def staff(sam: Person, django_user_model: Any) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("boss", password="boss"))
    return client


@pytest.mark.parametrize(("q", "n"), [("sam", 2), ("XXX-0143", 1), ("email", 1), ("nobody", 0)])
def test_devices_are_found_by_user_kind_and_masked_value(staff: Client, q: str, n: int) -> None:
    page = staff.get(DEVICES, {"q": q})
    assert page.context["cl"].result_count == n


def test_nothing_sensitive_is_shown(staff: Client, sam: Person) -> None:
    sam.opens("start").picks("sms")
    pages = [DEVICES, "/admin/twilio_2fa/verification/"]
    pages += [f"{DEVICES}{d.pk}/change/" for d in Device.objects.all()]
    for page in pages:
        html = staff.get(page).content.decode()
        assert "XXX" in html
        for secret in (PHONE, EMAIL, *Device.objects.values_list("digest", flat=True)):
            assert secret not in html


def test_a_device_can_be_removed_and_none_added(staff: Client) -> None:
    phone = Device.objects.get(kind="phone_number")
    staff.post(f"{DEVICES}{phone.pk}/delete/", {"post": "yes"})
    assert Device.objects.get().kind == "email"
    assert staff.get(f"{DEVICES}add/").status_code == 403


def test_a_user_can_be_unlocked(staff: Client, sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 2}
    sam.opens("start").picks("sms").types_a_wrong_code().types_a_wrong_code().types_the_code()
    assert not sam.is_verified
    picked = [str(d.pk) for d in Device.objects.all()]
    page = staff.post(DEVICES, {"action": "unlock", "_selected_action": picked}, follow=True)
    assert "1 lock was lifted" in page.content.decode()
    assert sam.opens("verify").types_the_code().is_verified
