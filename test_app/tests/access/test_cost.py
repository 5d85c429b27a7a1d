"""The cost of verification in a request of a verified user: no query, and few calls."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

import bench_access
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twilio_2fa.state import TwoFactorState
from django_twilio_2fa.testing import verify

from ..people import Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")


def queries(person: Person, path: str) -> list[str]:
    with CaptureQueriesContext(connection) as caught:
        person.client.get(path)
    return [q["sql"] for q in caught]


def ask_again(person: Person) -> None:
    session = person.client.session
    session["twilio_2fa"]["verified"]["checked"] -= 61
    session.save()


class TestQueries:
    def test_a_verified_user_costs_no_query(self, site: Any, pat: Person) -> None:
        verify(pat.client)
        # The two queries are Django's, for the session and the user.
        assert len(queries(pat, "/page/")) == 2
        assert len(queries(pat, "/guarded/")) == 2
        assert len(queries(pat, "/who/")) == 2

    def test_the_recheck_costs_one_query_and_saves_the_session(self, site: Any, pat: Person) -> None:
        verify(pat.client)
        ask_again(pat)
        found = [q for q in queries(pat, "/page/") if not q.startswith(("SAVEPOINT", "RELEASE", "BEGIN"))]
        assert [q.split()[0] for q in found[2:]] == ["SELECT", "SELECT", "UPDATE"]
        assert "twilio_2fa_verification" in found[2]
        assert all("django_session" in q for q in found[3:])
        assert len(queries(pat, "/page/")) == 2

    def test_a_view_without_a_requirement_costs_no_query(self, guards: Any, pat: Person) -> None:
        assert queries(pat, "/page/") == []

    def test_an_exempt_view_costs_no_query(self, site: Any, pat: Person) -> None:
        assert queries(pat, "/open/") == []

    def test_a_visitor_costs_no_query(self, site: Any, db: None, client: Any) -> None:
        with CaptureQueriesContext(connection) as caught:
            client.get("/page/")
        assert len(caught) == 0


# The most calls of this package's functions in one request with Python 3.11. Later versions make fewer.
MOST_CALLS = {"/open/": 8, "/who/": 24, "/page/": 26, "/guarded/": 40}


@pytest.mark.parametrize("path", MOST_CALLS)
def test_a_request_takes_few_calls(site: Any, pat: Person, path: str) -> None:
    verify(pat.client)
    pat.client.get(path)
    called: Counter[str] = Counter()

    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call" and f"{os.sep}django_twilio_2fa{os.sep}" in frame.f_code.co_filename:
            called[frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        pat.client.get(path)
    finally:
        sys.setprofile(None)
    assert 0 < called.total() <= MOST_CALLS[path], called


def test_the_benchmark_runs(pat: Person) -> None:
    added = bench_access.measure(pat.user, rounds=4, requests=3)
    assert set(added) == set(bench_access.LIMITS)


def test_the_state_of_a_visitor_needs_no_session(rf: Any) -> None:
    request = rf.get("/")
    request.user = AnonymousUser()
    state = TwoFactorState(request)
    assert (state.verified, state.trusted_browser) == (False, False)
