"""The number of queries of each page and step, without the queries of the sandbox."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.providers import MethodProvider
from django_twilio_2fa.sandbox import messages

from ..helpers import wrong_code
from ..people import NAVIGATION, PHONE, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")

MIDDLEWARE = "django_twilio_2fa.middleware.TwoFactorMiddleware"
OVERHEAD = ("SAVEPOINT", "RELEASE SAVEPOINT", "BEGIN", "COMMIT")


class ExtraProvider(MethodProvider):
    """One of many providers that a project may have installed."""

    label = "Extra"
    device_kind = "phone_number"


def queries(person: Person, verb: str, path: str, **data: Any) -> int:
    """Return the number of queries of one request, without the sandbox. Redirects are not followed."""
    with CaptureQueriesContext(connection) as caught:
        getattr(person.client, verb)(path, data)
    return len([q["sql"] for q in caught if "sandbox" not in q["sql"] and not q["sql"].startswith(OVERHEAD)])


# Each number includes 2 for the session and the user, and 1 that saves the session if it changed.
COSTS = {
    "GET secret, not verified": 2,
    "GET start": 5,
    "POST start": 9,
    "GET verify": 5,
    "POST verify, wrong": 11,
    "POST resend": 8,
    "POST verify, right": 10,
    "GET success": 2,
    "GET secret, verified": 2,
    "GET devices": 4,
    "GET change": 3,
    "GET change/start": 5,
    "GET change/register": 4,
    "POST change/register": 19,
    "POST change/verify": 30,
}


def walk(person: Person, later: Any) -> dict[str, int]:
    """Open each page of a sign-in and a change once. Return the number of queries of each request."""
    pk = Device.objects.filter(user=person.user, kind="phone_number").order_by("registered_at").first().pk
    cost = {"GET secret, not verified": queries(person, "get", "/secret/")}
    cost["GET start"] = queries(person, "get", "/2fa/start/")
    cost["POST start"] = queries(person, "post", "/2fa/start/", method="sms", device=str(pk))
    cost["GET verify"] = queries(person, "get", "/2fa/verify/")
    code = messages.last_code(PHONE)
    cost["POST verify, wrong"] = queries(person, "post", "/2fa/verify/", token=wrong_code(code))
    later(40)
    cost["POST resend"] = queries(person, "post", "/2fa/verify/", action="resend")
    cost["POST verify, right"] = queries(person, "post", "/2fa/verify/", token=code)
    cost["GET success"] = queries(person, "get", "/2fa/success/")
    cost["GET secret, verified"] = queries(person, "get", "/secret/")
    cost["GET devices"] = queries(person, "get", "/2fa/devices/")
    cost["GET change"] = queries(person, "get", "/2fa/change/")
    change = f"/2fa/change/{pk}"
    cost["GET change/start"] = queries(person, "get", f"{change}/start/")
    person.client.post(f"{change}/start/", {"method": "sms"})
    cost["GET change/register"] = queries(person, "get", f"{change}/register/")
    number = {"country_code": "US", "phone_number": "202 555 0147"}
    cost["POST change/register"] = queries(person, "post", f"{change}/register/", **number)
    token = messages.last_code("+12025550147")
    cost["POST change/verify"] = queries(person, "post", f"{change}/verify/", token=token)
    return cost


def test_each_page_takes_the_expected_queries(pat: Person, later: Any) -> None:
    assert walk(pat, later) == COSTS


def log_in(page: str) -> list[int]:
    """Log in and verify. Return the number of queries of each request, up to the protected page."""
    visitor = Person("pat")
    visitor.client.logout()
    visitor.client.defaults |= NAVIGATION
    cost = [queries(visitor, "get", f"{page}?next=/secret/")]
    cost.append(queries(visitor, "post", page, username="pat", password="pat", next="/secret/"))
    if page == "/login/" and MIDDLEWARE not in site.MIDDLEWARE:
        cost.append(queries(visitor, "get", "/secret/"))
    if Device.objects.filter(user=visitor.user).count() > 1:
        cost.append(queries(visitor, "get", "/2fa/start/?next=/secret/"))
        phone = Device.objects.for_value(visitor.user, "phone_number", PHONE).get()
        cost.append(queries(visitor, "post", "/2fa/start/?next=/secret/", method="sms", device=str(phone.pk)))
    # This page sends the code to a user with one phone.
    cost.append(queries(visitor, "get", "/2fa/verify/?next=/secret/"))
    token = messages.last_code(PHONE)
    cost.append(queries(visitor, "post", "/2fa/verify/?next=/secret/", token=token))
    cost.append(queries(visitor, "get", "/secret/"))
    assert visitor.client.get("/secret/").status_code == 200
    return cost


def test_a_log_in_by_text_message_takes_few_queries(pat: Person) -> None:
    cost = log_in("/login/")
    # Django's log-in makes 5 of the queries, and 6 read sessions and users.
    assert (len(cost), sum(cost)) == (5, 29), cost


def test_a_log_in_without_the_middleware_takes_another_page(pat: Person, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
    cost = log_in("/login/")
    assert (len(cost), sum(cost)) == (6, 31), cost


def test_the_log_in_page_of_this_package_takes_few_queries(pat: Person) -> None:
    cost = log_in("/login/verified/")
    # Django gives the session a new key, and deletes the old one.
    assert (len(cost), sum(cost)) == (5, 32), cost


def test_choosing_a_device_takes_the_documented_queries(pat: Person) -> None:
    Device.objects.register(pat.user, PhoneNumber("+12025550147"))
    cost = log_in("/login/")
    assert (len(cost), sum(cost)) == (7, 37), cost


def test_a_first_registration_takes_the_documented_queries(demo: Person) -> None:
    demo.client.get("/2fa/start/")
    cost = {"GET start": queries(demo, "get", "/2fa/start/")}
    cost["POST start"] = queries(demo, "post", "/2fa/start/", method="sms")
    cost["GET register"] = queries(demo, "get", "/2fa/register/")
    number = {"country_code": "US", "phone_number": "202 555 0143"}
    cost["POST register"] = queries(demo, "post", "/2fa/register/", **number)
    cost["POST verify"] = queries(demo, "post", "/2fa/verify/", token=messages.last_code(PHONE))
    assert cost == {
        "GET start": 4,
        "POST start": 4,
        "GET register": 3,
        "POST register": 17,
        "POST verify": 19,
    }


@pytest.fixture
def crowd(pat: Person, settings: Any) -> Person:
    """Return a user with many devices and old verifications, among other users and many installed methods."""
    for n in range(20):
        Device.objects.register(pat.user, EmailAddress(f"pat{n}@example.com"))
        Device.objects.register(pat.user, PhoneNumber(f"+1202555010{n % 10}"))
    others = [get_user_model().objects.create_user(f"other{n}") for n in range(5)]
    Verification.objects.bulk_create(
        Verification(
            user=user,
            purpose="prove",
            transport="verify",
            method="sms",
            status=Status.APPROVED,
            verifies_session=True,
            expires_at=timezone.now(),
            approved_at=timezone.now(),
            flow_digest=f"{n}",
        )
        for n in range(40)
        for user in (pat.user, *others)
    )
    settings.TWILIO_2FA_PROVIDERS = {f"extra{n}": f"{__name__}.ExtraProvider" for n in range(10)}
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "call", "email", *settings.TWILIO_2FA_PROVIDERS]
    return pat


def test_queries_do_not_grow_with_methods_devices_or_old_rows(crowd: Person, later: Any) -> None:
    assert len(crowd.opens("start").choices) > 100
    assert walk(crowd, later) == COSTS


# The maximum of calls of functions of this package, without the sandbox, on Python 3.11. Later versions make
# fewer. The middleware and the approvals in the session take 13 of the calls.
MOST_CALLS = 250


def test_a_right_token_takes_few_calls(pat: Person) -> None:
    pat.opens("start").picks("sms").types_the_code()  # This fills the caches of the process.
    pat = Person("pat").opens("start").picks("sms")
    path, code = pat.page.request["PATH_INFO"], messages.last_code(PHONE)
    called: Counter[str] = Counter()

    def note(frame: Any, event: str, arg: Any) -> None:
        file = frame.f_code.co_filename
        own = f"{os.sep}django_twilio_2fa{os.sep}" in file and f"{os.sep}sandbox{os.sep}" not in file
        if frame.f_code.co_name == "get_queryset":
            own = own and frame.f_locals["self"].model._meta.app_label != "twilio_2fa_sandbox"
        if event == "call" and (own or f"{os.sep}twilio_2fa_" in file):
            called[f"{file}:{frame.f_code.co_name}"] += 1

    sys.setprofile(note)
    try:
        pat.client.post(path, {"token": code})
    finally:
        sys.setprofile(None)
    assert pat.is_verified
    assert 0 < called.total() <= MOST_CALLS, called.most_common(20)
