"""Requests to all steps in any order, in two tabs: only a right code verifies the user."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.contacts import EmailAddress, PhoneNumber
from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.models import SandboxVerification

from ..clock import pass_time
from ..people import EMAIL, PHONE, Person
from .starts import rolled_back

pytestmark = pytest.mark.usefixtures("sessions_in_database")

NEW = "+12025550147"
PAGES = ["/2fa/", *(f"/2fa/{p}/" for p in ("start", "register", "verify", "success", "failed", "devices"))]
PAGES += [
    "/2fa/change/",
    "/2fa/add/",
    "/2fa/add/start/",
    "/2fa/add/register/",
    "/2fa/add/verify/",
    "/secret/",
]
MOUNTS = ("/2fa/", "/2fa/add/", "/2fa/change/{device}/")

GETS = st.tuples(st.just("get"), st.sampled_from([*PAGES, "/2fa/change/{device}/register/"]))
POSTS = st.tuples(
    st.just("post"),
    st.sampled_from(MOUNTS),
    st.sampled_from(
        [
            ("start", {"method": "sms"}),
            ("start", {"method": "call", "device": "{device}"}),
            ("start", {"method": "email"}),
            ("start", {"method": "owl"}),
            ("register", {"country_code": "US", "phone_number": NEW}),
            ("register", {"country_code": "US", "phone_number": "12"}),
            ("register", {"email": "new@example.com"}),
            ("verify", {"token": "{wrong}"}),
            ("verify", {"token": "{wrong}", "verification": "{stale}"}),
            ("verify", {"token": "12"}),
            ("verify", {"action": "resend"}),
            ("verify", {"action": "cancel"}),
            ("start", {"action": "skip"}),
            ("failed", {}),
            ("success", {}),
        ]
    ),
)
RIGHT = st.tuples(st.just("right"), st.sampled_from([PHONE, NEW, EMAIL, "new@example.com"]))
OTHERS = st.tuples(st.sampled_from(["later", "hour", "logout", "remember tab", "remove"]), st.just(""))
STEPS = st.lists(GETS | POSTS | POSTS | RIGHT | OTHERS, min_size=2, max_size=12)


class Walker:
    """A browser with two tabs, and the destinations whose right codes its user has typed."""

    def __init__(self, registered: bool) -> None:
        user = get_user_model().objects.create_user("walker")
        if registered:
            Device.objects.register(user, PhoneNumber(PHONE))
            Device.objects.register(user, EmailAddress(EMAIL))
        self.person = Person("walker")
        self.stale = ""
        self.right: set[str] = set()
        self.device = str(Device.objects.values_list("pk", flat=True).first() or "0")
        self.began = set(Device.objects.values_list("value", flat=True))

    def fill(self, text: str) -> str:
        return text.format(device=self.device, wrong="000001", stale=self.stale)

    def does(self, step: tuple[Any, ...]) -> None:
        kind, what = step[0], step[1]
        client = self.person.client
        answer = None
        if kind == "get":
            answer = client.get(self.fill(what))
        elif kind == "post":
            page, data = step[2]
            answer = client.post(f"{self.fill(what)}{page}/", {k: self.fill(v) for k, v in data.items()})
        elif kind == "right":
            sent = messages.delivered(what)
            if sent and sent[0]["code"] != "000001":
                self.right.add(what)
                mount = "/2fa/" if what in self.began or not self.began else "/2fa/add/"
                answer = client.post(f"{mount}verify/", {"token": sent[0]["code"]})
        elif kind in ("later", "hour"):
            pass_time(31 if kind == "later" else 3601)
        elif kind == "logout":
            if self.right:
                # Devices that were registered with a right code stay.
                self.began |= set(Device.objects.values_list("value", flat=True))
            self.person.client.logout()
            self.right.clear()
            self.person.client.force_login(self.person.user)
        elif kind == "remove":
            answer = client.post(f"/2fa/remove/{self.device}/")
        else:
            row = Verification.objects.first()
            self.stale = str(row.public_id) if row else ""
        if answer is not None:
            assert answer.status_code in (200, 302, 404, 405), (step, answer.status_code)
            if answer.status_code == 302:
                assert answer["Location"].startswith("/"), answer["Location"]
        self.holds()

    def holds(self) -> None:
        """Assert what must be true after every step."""
        if not self.right:
            assert not self.person.is_verified
        new = set(Device.objects.values_list("value", flat=True)) - self.began
        assert new <= {NEW, "new@example.com", PHONE, EMAIL}
        if not self.right:
            assert not new
        for row in SandboxVerification.objects.all():
            assert row.sends <= 5
            assert row.checks <= 5
        session = str(dict(self.person.client.session))
        assert not [
            secret for secret in (PHONE, NEW, EMAIL, "5550147", "555-01", "new@") if secret in session
        ]


@given(registered=st.booleans(), steps=STEPS)
@pytest.mark.slow
def test_no_order_of_requests_verifies_without_the_token(
    db: None, registered: bool, steps: list[Any]
) -> None:
    with rolled_back():
        walker = Walker(registered)
        for step in steps:
            walker.does(step)
