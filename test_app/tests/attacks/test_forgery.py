"""Requests that a page of somebody else's makes: forged, framed, or in an order that nobody meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person


def every_address() -> list[str]:
    """Every address of the kit, its parameters filled in."""
    found = []

    def collect(patterns: Any, prefix: str) -> None:
        for p in patterns:
            route = prefix + str(p.pattern)
            if isinstance(p, URLResolver):
                collect(p.url_patterns, route)
            elif isinstance(p, URLPattern):
                found.append("/" + route)

    for p in get_resolver().url_patterns:
        if str(p.pattern) == "2fa/":
            collect([p], "")
    addresses = []
    for route in found:
        steps = ("start", "register", "verify", "success", "failed") if "<" in route else ("",)
        for step in steps:
            filled = route.replace("<str:device>", "{device}").replace("<slug:step>", step)
            addresses.append(filled.replace("<str:step>", step).replace("<step>", step))
    return sorted(set(addresses))


ADDRESSES = every_address()


def test_the_addresses_are_all_there() -> None:
    assert len(ADDRESSES) >= 15
    assert not [a for a in ADDRESSES if "<" in a]


POSTS = [
    {"method": "sms"},
    {"country_code": "US", "phone_number": "202 555 0147"},
    {"token": "123456"},
    {"action": "resend"},
    {"action": "cancel"},
    {"action": "skip"},
    {"action": "remove", "device": "{device}"},
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_other_site_can_post(pat: Person, address: str, settings: Any) -> None:
    # Even where a site has taken Django's own middleware out.
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Csrf" not in m]
    pat.opens("start").picks("sms")
    device = str(Device.objects.get().pk)
    client = Client(enforce_csrf_checks=True)
    client.cookies = pat.client.cookies
    before = Verification.objects.values().get()
    for data in POSTS:
        data = {k: v.format(device=device) for k, v in data.items()}
        answer = client.post(address.format(device=device), data)
        assert answer.status_code == 403
    assert Verification.objects.values().get() == before
    assert Device.objects.count() == 1
    assert len(messages.delivered()) == 1


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_can_be_framed_or_cached(pat: Person, address: str, settings: Any) -> None:
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "XFrame" not in m]
    answer = pat.client.get(address.format(device=Device.objects.get().pk))
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_get_changes_anything_or_costs_money(sam: Person, address: str) -> None:
    sam.opens("start").picks("sms")
    before = (list(Verification.objects.values()), list(Device.objects.values()), len(messages.delivered()))
    path = address.format(device=Device.objects.first().pk)
    for query in ({}, {"action": "resend"}, {"action": "cancel"}, {"token": "123456"}, {"method": "call"}):
        assert sam.client.get(path, query).status_code in (200, 302, 404)
    after = (list(Verification.objects.values()), list(Device.objects.values()), len(messages.delivered()))
    assert after == before


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_is_open_to_whoever_is_not_signed_in(pat: Person, address: str) -> None:
    path = address.format(device=Device.objects.get().pk)
    for answer in (Client().get(path), Client().post(path, {"method": "sms", "token": "123456"})):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize(
    "state",
    [
        None,
        "text",
        [],
        {"flow": 5},
        {"wizards": "x"},
        {"wizards": {"twilio_2fa": "x"}},
        {"wizards": {"twilio_2fa": {"verification": "no-uuid", "method": "owl"}}},
        {"wizards": {"twilio_2fa": {"verification": "00000000-0000-0000-0000-000000000000"}}},
        {"verified": "yes"},
        {"verified": {"at": "2099-01-01T00:00:00+00:00", "auth": "x"}},
    ],
)
def test_state_of_another_version_or_a_strangers_hand_verifies_nobody(pat: Person, state: Any) -> None:
    """Sessions signed into cookies can be old; ones of an earlier release can have another shape."""
    pat.opens("start")
    session = pat.client.session
    flow = session["twilio_2fa"]
    session["twilio_2fa"] = {**flow, **state} if isinstance(state, dict) else state
    session["wizard_twilio_2fa"] = {"step": "verify", "step_data": {"verify": {"token": ["1"]}}}
    session.save()
    for page in ("start", "register", "verify", "success", "failed", "devices", "/secret/"):
        assert pat.opens(page).page.status_code == 200
        assert not pat.is_at("success")
        assert not pat.is_at("/secret/")
    assert pat.posts("verify", token="123456").page.status_code == 200


def test_two_tabs_in_different_methods_each_check_their_own(sam: Person) -> None:
    first = sam.opens("start").picks("sms").page.context["verification_id"]
    sam.page = None
    second = sam.opens("start").picks("email").page.context["verification_id"]
    assert first != second
    sam.posts("verify", token=messages.last_code(PHONE), verification=second)
    assert not sam.is_verified
    sam.posts("verify", token=messages.last_code(PHONE), verification=first)
    assert sam.is_verified


def test_the_admins_action_is_a_post_of_its_own(pat: Person) -> None:
    get_user_model().objects.create_superuser("root", password="root")
    client = Client(enforce_csrf_checks=True)
    client.login(username="root", password="root")
    data = {"action": "unlock", "_selected_action": str(Device.objects.get().pk)}
    assert client.post("/admin/twilio_2fa/device/", data).status_code == 403
