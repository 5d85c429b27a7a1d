"""Threat: the time of a response reveals whether the named user exists.

The tests count what takes time: requests to Twilio and SQL statements. `make bench ARGS=--names` measures it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twilio_2fa import signals
from django_twilio_2fa.models import Counter, Device, Verification
from django_twilio_2fa.sandbox.fault_injection import injected
from django_twilio_2fa.sandbox.http import sandbox_request
from django_twilio_2fa.testing import register_device
from django_twilio_2fa.testing.scene import SignalRecorder

from ..conf.shows import shows
from ..helpers import connected
from ..loopback_twilio import LoopbackTwilio
from ..people import PHONE, Person
from .test_unauthenticated import Stranger

pytestmark = pytest.mark.usefixtures("sessions_in_database")

NOBODY = "999999"


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True


class Cost:
    """The requests to Twilio and SQL statements that each step of an attacker takes."""

    def __init__(self, twilio: LoopbackTwilio) -> None:
        self.twilio = twilio
        self.requests: dict[str, int] = {}
        self.statements: dict[str, list[str]] = {}

    def of(self, step: str, act: Callable[[], Any]) -> Any:
        before = len(self.twilio.requests)
        with CaptureQueriesContext(connection) as caught:
            answer = act()
        self.requests[step] = len(self.twilio.requests) - before
        self.statements[step] = [kind_of(query["sql"]) for query in caught]
        return answer


def kind_of(sql: str) -> str:
    """Return the verb of a statement and the table that it is about."""
    verb = sql.split(maxsplit=1)[0]
    table = re.search(r'\b(?:FROM|INTO|UPDATE) ["`]?(\w+)', sql)
    return f"{verb} {table[1]}" if table else verb


@contextmanager
def sandbox_requests() -> Iterator[list[str]]:
    """Collect the methods of the requests that reach the sandbox in this process."""
    seen: list[str] = []

    def note(**told: Any) -> None:
        seen.append(told["method"])

    with connected(sandbox_request, note):
        yield seen


def cost_of(name: Any, twilio: LoopbackTwilio, later: Any) -> Cost:
    """Send, resend, check a wrong code and cancel for a named user. Return what each step costs."""
    cost, stranger = Cost(twilio), Stranger(name)
    id = cost.of("send", lambda: stranger.asks("send", method="sms")).json()["verification_id"]
    later(40)
    assert cost.of("resend", lambda: stranger.asks("send", method="sms")).status_code == 200
    assert cost.of("check", lambda: stranger.verifies(id, "000000")).status_code == 400
    assert cost.of("cancel", lambda: stranger.asks("cancel", verification_id=id)).status_code == 200
    return cost


def denies(user: Any) -> bool:
    raise PermissionDenied


def has_nothing(sam: Person, settings: Any) -> None:
    Device.objects.all().delete()


def is_inactive(sam: Person, settings: Any) -> None:
    sam.user.is_active = False
    sam.user.save()


def is_kept_out(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = lambda user: False


def has_not_the_method(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_USER_METHODS_CB = lambda user: ["email"]


def is_denied(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_ALLOW_USER_CB = denies


def is_denied_a_method(sam: Person, settings: Any) -> None:
    settings.TWILIO_2FA_USER_METHODS_CB = denies


def is_refused_by_twilio(sam: Person, settings: Any) -> None:
    Device.objects.filter(kind="phone_number").delete()
    register_device(sam.user, "+12025550169")


def has_no_such_number(sam: Person, settings: Any) -> None:
    Device.objects.filter(kind="phone_number").delete()
    register_device(sam.user, "+12025550163")


CHANGES = [
    has_nothing,
    is_inactive,
    is_kept_out,
    has_not_the_method,
    is_denied,
    is_denied_a_method,
    is_refused_by_twilio,
    has_no_such_number,
]


class TestCostOfAName:
    @pytest.fixture
    def sams(self, sam: Person, twilio_over_http: LoopbackTwilio, later: Any) -> Cost:
        cost = cost_of(sam.user.pk, twilio_over_http, later)
        assert cost.requests == {"send": 1, "resend": 1, "check": 1, "cancel": 0}
        assert twilio_over_http.delivered(PHONE)
        # Start again as if nobody had sent a request yet.
        Verification.objects.all().delete()
        Counter.objects.all().delete()
        twilio_over_http.is_new()
        return cost

    def test_unknown_names_cost_the_same_as_known_ones(
        self, sams: Cost, twilio_over_http: LoopbackTwilio, later: Any
    ) -> None:
        nobodys = cost_of(NOBODY, twilio_over_http, later)
        assert nobodys.requests == sams.requests
        assert nobodys.statements == sams.statements

    @pytest.mark.parametrize("field", ["username", "email"])
    def test_names_in_another_field_cost_the_same(
        self, sam: Person, twilio_over_http: LoopbackTwilio, later: Any, settings: Any, field: str
    ) -> None:
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = field
        sam.user.email = "sam"
        sam.user.save()
        costs = [cost_of(name, twilio_over_http, later) for name in ("sam", "owl")]
        assert len(twilio_over_http.delivered(PHONE)) == 2
        assert costs[0].requests == costs[1].requests
        assert costs[0].statements == costs[1].statements

    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
    def test_users_without_devices_cost_the_same(
        self,
        sam: Person,
        sams: Cost,
        twilio_over_http: LoopbackTwilio,
        later: Any,
        settings: Any,
        change: Callable[[Person, Any], None],
    ) -> None:
        change(sam, settings)
        theirs = cost_of(sam.user.pk, twilio_over_http, later)
        assert not twilio_over_http.delivered(PHONE)
        assert theirs.requests == sams.requests
        assert theirs.statements == sams.statements

    def test_names_cost_the_same_where_the_site_stores_numbers(
        self, sam: Person, demo: Person, twilio_over_http: LoopbackTwilio, later: Any, settings: Any
    ) -> None:
        settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: PHONE if user == sam.user else None
        sams, demos, nobodys = (
            cost_of(name, twilio_over_http, later) for name in (sam.user.pk, demo.user.pk, NOBODY)
        )
        assert len(twilio_over_http.delivered(PHONE)) == 2
        assert sams.requests == demos.requests == nobodys.requests
        assert sams.statements == nobodys.statements
        # If the callback returns no value, the query in its place comes after the one for devices.
        for step, statements in sams.statements.items():
            assert sorted(statements) == sorted(demos.statements[step]), step

    def test_names_cost_the_same_after_a_limit_was_reached(
        self, sam: Person, pat: Person, twilio_over_http: LoopbackTwilio, later: Any, settings: Any
    ) -> None:
        # Both have the same phone.
        settings.TWILIO_2FA_LIMITS = {"unproven_sends_per_destination": "2/h"}
        sams = cost_of(sam.user.pk, twilio_over_http, later)
        pats = cost_of(pat.user.pk, twilio_over_http, later)
        assert len(twilio_over_http.delivered(PHONE)) == 2
        assert pats.requests == sams.requests
        for step, statements in pats.statements.items():
            # One UPDATE finds that the limit is reached, and the counters are rolled back.
            assert abs(len(sams.statements[step]) - len(statements)) <= 1, step

    def test_no_decoy_sends_a_message_or_checks_a_code(
        self, demo: Person, twilio_over_http: LoopbackTwilio, later: Any
    ) -> None:
        for name in (NOBODY, demo.user.pk):
            cost_of(name, twilio_over_http, later)
        assert {r["method"] for r in twilio_over_http.requests} == {"GET"}
        assert twilio_over_http.sends() == twilio_over_http.checks() == 0


class TestFaultsOfTwilio:
    @pytest.mark.parametrize("fault", ["429", "20003", "20404", "empty-503", "html-200", "drop", "truncated"])
    def test_a_decoy_gets_the_response_of_a_real_user(
        self, sam: Person, twilio_over_http: LoopbackTwilio, fault: str
    ) -> None:
        asked = []
        for name in (sam.user.pk, NOBODY):
            twilio_over_http.is_well()
            twilio_over_http.does(fault, times=0)
            stranger = Stranger(name)
            sent = stranger.asks("send", method="sms")
            assert sent.status_code == 200
            checked = stranger.verifies(sent.json()["verification_id"], "000000")
            assert checked.json()["error_code"] == "invalid_verification_code"
            asked.append(len(twilio_over_http.requests))
        # This error may be about the language, so the send is tried again.
        assert asked == [3, 3] if fault == "20404" else [2, 2]

    def test_unknown_names_wait_as_long_for_a_lost_answer(
        self, sam: Person, twilio_over_http: LoopbackTwilio
    ) -> None:
        for name in (sam.user.pk, NOBODY):
            twilio_over_http.does("hang", times=0, seconds=5)
            began = time.monotonic()
            assert Stranger(name).asks("send", method="sms").status_code == 200
            assert time.monotonic() - began >= 0.5  # the test's own timeout

    @pytest.mark.parametrize("refused", [1, 2, 3])
    def test_a_refused_connection_is_tried_again_for_a_send(self, sam: Person, refused: int) -> None:
        reached = []
        with sandbox_requests() as seen:
            for name in (sam.user.pk, NOBODY):
                seen.clear()
                with injected("refuse", times=refused):
                    id = Stranger(name).sends()
                    Stranger(name).verifies(id, "000000")
                reached.append(len(seen))
        assert reached[0] == reached[1] == {1: 2, 2: 1, 3: 0}[refused]

    def test_failures_are_shown_and_logged_alike_for_any_name(self, sam: Person, caplog: Any) -> None:
        told = SignalRecorder(signals.twilio_2fa_twilio_error)
        seen = []
        for name in (sam.user.pk, NOBODY):
            caplog.clear()
            with injected("20003", times=0):
                Stranger(name).asks("send", method="sms")
            seen.append([(r.levelno, r.getMessage()) for r in caplog.records if r.levelno >= logging.WARNING])
        assert seen[0] == seen[1]
        assert [about["user"] for about in told.told] == [sam.user, None]

    def test_a_decoy_leaves_nothing_in_the_log(self, db: None, caplog: Any) -> None:
        stranger = Stranger(NOBODY)
        stranger.verifies(stranger.sends(), "000000")
        assert not [r for r in caplog.records if r.name.startswith("django_twilio_2fa")]


def test_the_signal_of_a_wrong_code_is_sent_for_any_name(sam: Person) -> None:
    told = SignalRecorder(signals.twilio_2fa_verification_failed)
    for name in (sam.user.pk, NOBODY):
        stranger = Stranger(name)
        stranger.verifies(stranger.sends(), "000000")
    assert [about["user"] for about in told.told] == [sam.user, None]


@shows("UNAUTHENTICATED_MIN_SECONDS")
@pytest.mark.parametrize("name", ["somebody", "nobody"])
def test_each_response_takes_the_minimum_time(sam: Person, settings: Any, name: str) -> None:
    settings.TWILIO_2FA_UNAUTHENTICATED_MIN_SECONDS = 0.3
    stranger = Stranger(sam.user.pk if name == "somebody" else NOBODY)
    id = ""
    for endpoint, status in (("send", 200), ("send", 429), ("verify", 400), ("cancel", 200)):
        began = time.monotonic()
        answer = stranger.asks(endpoint, method="sms", verification_id=id, code="000000")
        assert time.monotonic() - began >= 0.3
        assert answer.status_code == status
        id = id or answer.json()["verification_id"]
