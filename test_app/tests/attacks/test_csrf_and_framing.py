"""Threat: another site makes a signed-in browser act, or frames our pages, or a cache keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from django_twilio_2fa.models import Counter, Device, ProvenContact, Verification
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification

from ..helpers import same_browser
from ..people import PHONE, Person

MODELS: tuple[type[Model], ...] = (
    Counter,
    Device,
    ProvenContact,
    Verification,
    SandboxMessage,
    SandboxVerification,
)
EVERYTHING = {
    "method": "sms",
    "device": "",
    "country_code": "US",
    "phone_number": "202 555 0147",
    "email": "eve@example.com",
    "token": "123456",
    "action": "",
}


def routes(patterns: Any = None, before: str = "/") -> Iterator[str]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route


# Except pages of providers: anybody who has the mail may open its link, and a registered browser signs its
# approvals with its key (see test_push.py).
OTHERS = ("/2fa/link/", "/2fa/push/")
OURS = [r for r in routes() if r.startswith("/2fa/") and not r.startswith(OTHERS)]


def addresses(sam: Person) -> list[str]:
    device = Device.objects.get(user=sam.user, kind="phone_number")
    return [route.replace("<str:device>", str(device.pk)) for route in OURS]


def everything_stored() -> list[Any]:
    return [sorted(map(str, model._default_manager.values())) for model in MODELS]


@pytest.fixture
def busy(sam: Person) -> Person:
    """Return a user who has just verified by phone, and has a verification by e-mail pending."""
    sam.opens("start").picks("sms").types_the_code()
    return sam.opens("start").picks("email")


def test_the_list_of_pages_is_complete() -> None:
    assert len(OURS) == len(set(OURS)) >= 20
    assert {"/2fa/verify/", "/2fa/devices/", "/2fa/change/<str:device>/register/", "/2fa/add/"} <= set(OURS)


@pytest.mark.parametrize("with_middleware", [True, False])
@pytest.mark.slow
def test_a_post_without_a_csrf_token_does_nothing(busy: Person, settings: Any, with_middleware: bool) -> None:
    if not with_middleware:
        settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Csrf" not in m]
    strict = same_browser(busy.client, enforce_csrf_checks=True)
    phone = str(Device.objects.get(kind="phone_number").pk)
    before, session = everything_stored(), dict(busy.client.session)
    for path in addresses(busy):
        for action in ("", "skip", "resend", "cancel", "retry", "remove"):
            for forged in ({}, {"csrfmiddlewaretoken": "x" * 64}):
                posted = {**EVERYTHING, "action": action, **forged}
                if action == "remove":
                    posted["device"] = phone
                answer = strict.post(path, posted)
                assert answer.status_code == 403, path
                assert "This page is out of date" in answer.content.decode(), path
                evil = {"HTTP_ORIGIN": "https://evil.example", "HTTP_REFERER": "https://evil.example/"}
                assert strict.post(path, posted, **evil).status_code == 403, path
        assert everything_stored() == before, path
        assert dict(busy.client.session) == session, path


@pytest.mark.parametrize("verb", ["get", "head", "options", "put", "patch", "delete", "trace"])
def test_nothing_but_a_post_changes_anything(busy: Person, verb: str) -> None:
    before = everything_stored()
    for path in addresses(busy):
        for action in ("skip", "resend", "cancel", "remove"):
            answer = getattr(busy.client, verb)(f"{path}?action={action}&token=123456&method=sms")
            assert answer.status_code < 500, path
    assert everything_stored() == before
    assert busy.has_got(PHONE) == 1


@pytest.mark.parametrize("with_middleware", [True, False])
def test_no_page_can_be_framed_or_cached(busy: Person, settings: Any, with_middleware: bool) -> None:
    if not with_middleware:
        settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Frame" not in m]
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    for path in [*addresses(busy), "/2fa/push/"]:
        for verb in ("get", "post"):
            answer: HttpResponse = getattr(busy.client, verb)(path)
            assert answer["X-Frame-Options"] == "DENY", path
            assert "no-store" in answer["Cache-Control"], path
            assert "private" in answer["Cache-Control"], path


def test_every_page_requires_signing_in(sam: Person) -> None:
    for path in addresses(sam):
        for verb in ("get", "head"):
            answer = getattr(Client(), verb)(path)
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/login/?next="), path
        answer = Client().post(path, EVERYTHING)
        assert answer.status_code == 403, path
        assert "You are signed out." in answer.content.decode()
        assert Client().get(answer.context["go_on_href"])["Location"].startswith("/login/?next="), path


class TestAdmin:
    @pytest.fixture
    def boss(self, sam: Person, django_user_model: Any) -> Client:
        boss = Client(enforce_csrf_checks=True)
        boss.force_login(django_user_model.objects.create_superuser("boss", password="boss"))
        return boss

    def test_admin_unlocks_and_deletes_nothing_without_a_csrf_token(
        self, boss: Client, sam: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
        sam.opens("start").picks("sms").types_a_wrong_code()
        before = everything_stored()
        picked = [str(d.pk) for d in Device.objects.all()]
        for action in ("unlock", "delete_selected"):
            told = {"action": action, "_selected_action": picked, "post": "yes"}
            assert boss.post("/admin/twilio_2fa/device/", told).status_code == 403
            boss.get("/admin/twilio_2fa/device/", told)
        path = f"/admin/twilio_2fa/device/{picked[0]}/delete/"
        assert boss.post(path, {"post": "yes"}).status_code == 403
        assert everything_stored() == before

    def test_admin_users_with_view_permission_unlock_nobody(
        self, sam: Person, django_user_model: Any, settings: Any
    ) -> None:
        from django.contrib.auth.models import Permission

        settings.TWILIO_2FA_LIMITS = {"wrong_tokens_in_a_row": 1}
        sam.opens("start").picks("sms").types_a_wrong_code()
        clerk = django_user_model.objects.create_user("clerk", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename="view_device"))
        client = Client()
        client.force_login(clerk)
        before = everything_stored()
        picked = [str(d.pk) for d in Device.objects.all()]
        client.post("/admin/twilio_2fa/device/", {"action": "unlock", "_selected_action": picked})
        assert everything_stored() == before


def test_the_pages_of_the_sandbox_change_nothing(sam: Person) -> None:
    sam.opens("start").picks("sms")
    before = everything_stored()
    for path in ("/sandbox/", "/sandbox/messages.json"):
        assert sam.client.get(path)["X-Frame-Options"] == "DENY"
        for verb in ("post", "put", "delete"):
            assert getattr(sam.client, verb)(path).status_code == 405
    assert everything_stored() == before
