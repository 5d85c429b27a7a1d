"""Threat: requests reach the wizard in an unexpected order, with stale, forged or foreign forms.

Hypothesis takes random steps as a user with several tabs, and as a thief with a session of the same user. The
steps open any page, post any form and let time pass. The invariants are checked after each step.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.process import rate_limits
from django_twilio_2fa.sandbox.models import SandboxMessage, SandboxVerification
from django_twilio_2fa.session import is_verified

from ..clock import pass_time
from ..people import EMAIL, PHONE, Person
from .scene import made
from .starts import rolled_back

pytestmark = pytest.mark.usefixtures("sessions_in_database")

NUMBERS = (PHONE, "+12025550147", "+12025550148")
ADDRESSES = (EMAIL, "sam@example.org")
STEPS = ("", "start/", "register/", "verify/", "success/", "failed/")
OTHERS = (
    "/2fa/devices/",
    "/2fa/remove/{}/",
    "/2fa/change/",
    "/secret/",
    "/2fa/change/none/start/",
    "/2fa/change/none/register/",
)

places = st.sampled_from(
    [*(f"{mount}{step}" for mount in ("/2fa/", "/2fa/add/", "/2fa/change/{}/") for step in STEPS), *OTHERS]
)
mounts = st.sampled_from(["/2fa/", "/2fa/add/", "/2fa/change/{}/"])
times = st.sampled_from([0, 31, 301, 601])
who = st.sampled_from(["owner", "thief"])
methods = st.sampled_from(["sms", "call", "whatsapp", "email", "pigeon", "nothing"])
actions = st.sampled_from(["", "resend", "cancel", "skip", "retry", "remove", "approve"])
which = st.integers(0, 5)


def is_in(person: Person) -> bool:
    """Return whether the session is verified, as a page asks, without rendering a page."""
    request = RequestFactory().get("/")
    request.session, request.user = person.client.session, person.user
    return is_verified(request)


class Walk(RuleBasedStateMachine):
    """A user with any number of tabs, and a thief who has the password of the user but none of the codes.

    `seen` holds the verification ids of the forms in all tabs of both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clean = ExitStack()
        self.clean.enter_context(rolled_back())

    def teardown(self) -> None:
        self.clean.close()

    @initialize(registered=st.sampled_from([(), (PHONE,), (PHONE, EMAIL)]))
    def begins(self, registered: tuple[str, ...]) -> None:
        self.owner = made("sam", *registered)
        self.thief = Person("sam")
        self.seen: list[str] = ["", "x", "0" * 32]
        self.pages: dict[str, Any] = {}
        self.was_verified = False
        self.had = self.devices()

    def devices(self) -> set[str]:
        return set(Device.objects.filter(user=self.owner.user).values_list("value", flat=True))

    def does(self, somebody: str, path: str, n: int, post: dict[str, str] | None = None) -> None:
        person = self.thief if somebody == "thief" else self.owner
        ids = [str(pk) for pk in Device.objects.filter(user=person.user).values_list("pk", flat=True)]
        path = path.format(ids[n % len(ids)] if ids else "none")
        page = person.client.get(path) if post is None else person.client.post(path, post)
        assert page.status_code in (200, 302, 404, 405)
        if somebody == "owner" and post is not None and "/remove/" in path:
            # Any POST to this page confirms the removal, if the user has just verified.
            self.had &= self.devices()
        self.pages[somebody] = page
        found = (page.context or {}).get("verification_id", "")
        if found and found not in self.seen:
            self.seen.append(found)

    def form(self, n: int) -> dict[str, str]:
        return {"verification": self.seen[n % len(self.seen)]}

    # Steps

    @rule(somebody=who, path=places, n=which, method=st.none() | methods)
    def opens_or_picks(self, somebody: str, path: str, n: int, method: str | None) -> None:
        self.does(somebody, path, n, {"method": method} if method else None)
        self.nothing_was_gained()

    @rule(somebody=who, method=st.sampled_from(["sms", "email"]), seconds=times)
    def starts(self, somebody: str, method: str, seconds: int) -> None:
        pass_time(seconds)
        self.does(somebody, "/2fa/start/", 0, {"method": method})
        self.does(somebody, "/2fa/verify/", 0)
        self.nothing_was_gained()

    @rule(somebody=who, path=places, number=st.sampled_from(NUMBERS), n=which)
    def registers_somewhere(self, somebody: str, path: str, number: str, n: int) -> None:
        form = {"country_code": "US", "phone_number": number, "email": ADDRESSES[n % 2]}
        self.does(somebody, path, n, {"method": "sms", **form})
        self.nothing_was_gained()

    @rule(somebody=who, mount=mounts, n=which)
    def registers_in_order(self, somebody: str, mount: str, n: int) -> None:
        number = {"country_code": "US", "phone_number": NUMBERS[n % 3]}
        for path, form in (("start/", {"method": "sms"}), ("register/", number), ("verify/", None)):
            self.does(somebody, mount + path, n, form)
        self.nothing_was_gained()

    @rule(somebody=who, path=places, action=actions, n=which)
    def acts(self, somebody: str, path: str, action: str, n: int) -> None:
        ids = [str(pk) for pk in Device.objects.values_list("pk", flat=True)] or [""]
        before = self.devices()
        self.does(somebody, path, n, {"action": action, "device": ids[n % len(ids)], **self.form(n)})
        # A user who has just verified can remove a device. Nothing else changes.
        assert self.devices() <= before
        assert self.devices() == before or (somebody != "thief" and "/remove/" in path)
        self.had = self.devices()
        self.nothing_was_gained()

    @rule(somebody=who, path=places, n=which, token=st.sampled_from(["wrong", "old", "rubbish", "", "1" * 9]))
    def types_something_wrong(self, somebody: str, path: str, n: int, token: str) -> None:
        codes = set(SandboxVerification.objects.filter(status="pending").values_list("code", flat=True))
        used = SandboxVerification.objects.exclude(code__in=codes).values_list("code", flat=True)
        wrong = next(f"{c:06}" for c in range(1000) if f"{c:06}" not in codes)
        typed = {"wrong": wrong, "old": next(iter(used), wrong)}.get(token, token)
        self.does(somebody, path, n, {"token": typed, **self.form(n)})
        self.nothing_was_gained()

    @rule(path=places, n=which)
    def types_a_right_code_somewhere(self, path: str, n: int) -> None:
        """Type the code of a random verification into a random page, with the form of a random page."""
        row = Verification.objects.exclude(sid="").order_by("?").first()
        if row is not None:
            self.types_right(row, path, n, self.form(n))

    @rule(own_form=st.booleans())
    def types_the_right_code_where_it_belongs(self, own_form: bool) -> None:
        row = Verification.objects.exclude(sid="").filter(status="pending").last()
        if row is None:
            return
        path = "/2fa/verify/" if row.proof_id is None else "/2fa/add/verify/"
        self.types_right(row, path, 0, {"verification": str(row.public_id)} if own_form else {})

    def types_right(self, row: Verification, path: str, n: int, form: dict[str, str]) -> None:
        twilios = SandboxVerification.objects.get(sid=row.sid)
        first = not self.had
        self.does("owner", path, n, {"token": twilios.code, **form})
        had, self.had = self.had, self.devices()
        assert self.had - had <= {twilios.to}
        if self.had != had:
            row.refresh_from_db()
            assert row.status == "approved"
            # Adding or changing a device needs a proof, and a change uses the proof up.
            assert first or row.proof is not None
            assert had <= self.had or (row.proof is not None and row.proof.proof_used_at)
        now = is_in(self.owner)
        if now and not self.was_verified:
            assert twilios.to in had or (first and self.had == {twilios.to})
        self.was_verified = now

    @rule(mount=mounts, n=which, method=st.sampled_from(["sms", "email"]))
    def proves_and_registers(self, mount: str, n: int, method: str) -> None:
        """Verify and register in the intended order. Earlier steps must not help or harm."""
        self.starts("owner", method, 91)
        self.types_the_right_code_where_it_belongs(True)
        self.registers_in_order("owner", mount, n)
        self.types_the_right_code_where_it_belongs(False)

    @rule(seconds=times, again=st.booleans())
    def time_passes(self, seconds: int, again: bool) -> None:
        pass_time(seconds)
        if again:
            self.owner.client.logout()
            self.owner.client.force_login(self.owner.user)
            self.was_verified = False
        self.nothing_was_gained()

    # Invariants

    def nothing_was_gained(self) -> None:
        """Assert that a step without a right code verified nobody and registered nothing."""
        assert is_in(self.owner) is self.was_verified
        assert self.devices() == self.had

    @invariant()
    def the_thief_is_never_verified(self) -> None:
        if hasattr(self, "thief"):
            assert not is_in(self.thief)
            page = self.pages.get("thief")
            assert page is None or "We have checked it is you" not in page.content.decode()

    @invariant()
    def no_more_was_sent_or_checked_than_the_limits_allow(self) -> None:
        found = SandboxVerification.objects.all()
        assert all(v.sends <= 5 and v.checks <= 5 for v in found)
        wrong = sum(v.checks - (v.status == "approved") for v in found)
        assert wrong <= 20  # ten in each of two sessions; twenty steps are too few to use up a third
        # Ten messages an hour to registered devices, and five to new ones.
        assert SandboxMessage.objects.count() <= 15

    @invariant()
    def no_session_holds_a_number_or_a_token(self) -> None:
        if not hasattr(self, "owner"):
            return
        kept = str([dict(p.client.session.items()) for p in (self.owner, self.thief)])
        for secret in (*NUMBERS, *ADDRESSES, "5550143", "example"):
            assert secret not in kept
        for verification in SandboxVerification.objects.all():
            assert f"'{verification.code}'" not in kept

    @invariant()
    def no_ended_verification_keeps_its_destination(self) -> None:
        assert not Verification.objects.exclude(status="pending").exclude(destination="").exists()


def test_no_order_of_wizard_steps_verifies_without_a_right_code(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stop the clock in the middle of a window of the limits, so that no window ends during a walk.
    monkeypatch.setattr(rate_limits.time, "time", lambda: 1_800_000_000.0 + 1800)
    # A walk takes as long as four examples of other tests.
    examples = max(1, settings.default.max_examples // 4)
    suppressed = list(HealthCheck)
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=examples, deadline=None, suppress_health_check=suppressed, stateful_step_count=20
        ),
    )


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
def test_forged_or_outdated_wizard_state_verifies_nobody(pat: Person, state: Any) -> None:
    # Session data in signed cookies can be old, or have the format of an earlier release.
    assert pat.verifier.flow
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


class TestTwoTabs:
    def test_each_tab_checks_the_code_of_its_own_page(self, sam: Person) -> None:
        forms = {}
        for method, to in (("sms", PHONE), ("email", EMAIL)):
            sam.opens("start").picks(method)
            forms[to] = sam.page.context["verification_id"]
        codes = {v.to: v.code for v in SandboxVerification.objects.all()}
        # Type the code of one tab into the other tab.
        sam.posts("verify", token=codes[PHONE], verification=forms[EMAIL])
        assert not sam.is_verified
        sam.posts("verify", token=codes[PHONE], verification=forms[PHONE])
        assert sam.is_verified

    def test_a_cancel_in_one_tab_ends_the_code_of_the_other(self, sam: Person) -> None:
        sam.opens("start").picks("sms")
        form = sam.page.context["verification_id"]
        code = SandboxVerification.objects.get().code
        sam.posts("verify", action="cancel")
        sam.posts("verify", token=code, verification=form)
        assert sam.is_at("start")
        assert not sam.is_verified

    @pytest.mark.parametrize("mount", ["/2fa/", "/2fa/add/"])
    def test_a_form_of_one_wizard_does_nothing_in_another(self, pat: Person, mount: str) -> None:
        pat.opens("start").picks("sms").types_the_code()
        pat.opens("start").picks("call")
        proof = pat.page.context["verification_id"]
        pat.opens("/2fa/add/").picks("email").posts(email=EMAIL)
        enrolment = pat.page.context["verification_id"]
        foreign = enrolment if mount == "/2fa/" else proof
        row = Verification.objects.get(public_id=foreign)
        code = SandboxVerification.objects.get(sid=row.sid).code
        for form in ({"token": code}, {"action": "resend"}):
            pat.posts(f"{mount}verify/", verification=foreign, **form)
            row.refresh_from_db()
            assert (row.status, row.attempts, row.sends) == ("pending", 0, 1)
