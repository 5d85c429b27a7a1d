"""Threat: a session stays verified after an event that must end it, or becomes verified without a token."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_twilio_2fa.models import Verification
from django_twilio_2fa.sandbox import messages

from ..browsers.people import forget_cached_answer
from ..people import PHONE, Person
from .scene import made, newest

COOKIE = "sessionid"


def signs_in(person: Person, username: str) -> Person:
    """Sign in through the page, with the cookies of the browser."""
    person.client.post("/login/", {"username": username, "password": username})
    return person


def signs_out(person: Person) -> Person:
    person.client.post("/logout/")
    return person


def verified(person: Person, to: str = PHONE) -> Person:
    person.opens("start").picks("sms").types_the_code(to)
    assert person.opens("/secret/").path == "/secret/"
    return person


def is_let_in(person: Person) -> bool:
    told = person.is_verified
    assert (person.opens("/secret/").path == "/secret/") is told
    assert person.opens("success").is_at("success") is told
    return told


class TestEndOfAVerification:
    def test_a_log_out_ends_the_verification(self, pat: Person) -> None:
        verified(pat)
        assert not is_let_in(signs_in(signs_out(pat), "pat"))

    def test_a_log_out_leaves_another_session_verified(self, pat: Person, later: Any) -> None:
        elsewhere = verified(Person("pat"))
        later(60)
        signs_out(verified(pat))
        forget_cached_answer(elsewhere)
        assert is_let_in(elsewhere)

    def test_a_log_out_ends_a_pending_verification(self, pat: Person) -> None:
        pat.opens("start").picks("sms")
        code = messages.last_code(PHONE)
        signs_in(signs_out(pat), "pat")
        pat.posts("verify", token=code)
        assert pat.is_at("start")
        assert not is_let_in(pat)

    def test_another_user_in_the_same_browser_is_not_verified(self, pat: Person) -> None:
        made("eve", "+12025550149")
        verified(pat)
        for username in ("eve", "pat"):
            pat.client.force_login(get_user_model().objects.get(username=username))
            assert not is_let_in(pat)

    def test_another_user_without_a_log_out_is_not_verified(self, pat: Person) -> None:
        # A host may switch users, for example to impersonate one. The data of the first user is not used.
        eve = made("eve", "+12025550149")
        verified(pat)
        session = pat.client.session
        session["_auth_user_id"] = str(eve.user.pk)
        session["_auth_user_hash"] = eve.user.get_session_auth_hash()
        session.save()
        assert not is_let_in(pat)
        assert "pat" not in str(pat.client.session["twilio_2fa"])

    def test_a_skipped_registration_is_not_skipped_for_the_next_user(
        self, demo: Person, settings: Any
    ) -> None:
        settings.TWILIO_2FA_REGISTER_OPTIONAL = True
        made("eve")
        demo.opens("start").posts("start", action="skip")
        assert demo.opens("/secret/").path == "/secret/"
        session = demo.client.session
        eve = get_user_model().objects.get(username="eve")
        session["_auth_user_id"], session["_auth_user_hash"] = str(eve.pk), eve.get_session_auth_hash()
        session.save()
        assert demo.opens("/secret/").is_at("start")

    @pytest.mark.parametrize("where", ["this session", "another session"])
    def test_a_password_change_ends_the_verification(self, pat: Person, where: str) -> None:
        pat.user.is_staff = True
        pat.user.save()
        verified(pat)
        other = Person("pat")
        verified(other)
        person = pat if where == "this session" else other
        told = {"old_password": "pat", "new_password1": "a-new-Secret7", "new_password2": "a-new-Secret7"}
        assert person.client.post("/admin/password_change/", told).status_code == 302
        # Django keeps the session that changed the password, but its verification ends.
        assert person.client.get("/").wsgi_request.user == pat.user
        assert not is_let_in(person)
        stays_out = other if person is pat else pat
        assert stays_out.opens("/secret/").path == "/login/"

    def test_a_password_change_ends_a_pending_verification(self, pat: Person) -> None:
        # Django has ended the session. A thief who waited for the code cannot use it there.
        pat.opens("start").picks("sms")
        code = messages.last_code(PHONE)
        pat.user.set_password("another")
        pat.user.save()
        pat.posts("verify", token=code)
        assert "You are signed out." in pat.text
        assert pat.opens("verify").path == "/login/"
        assert newest(pat).attempts == 0

    def test_a_deactivated_user_has_to_sign_in(self, pat: Person) -> None:
        verified(pat)
        pat.user.is_active = False
        pat.user.save()
        assert pat.opens("/secret/").path == "/login/"
        assert pat.opens("devices").path == "/login/"

    def test_a_deleted_session_row_ends_the_verification(self, pat: Person) -> None:
        verified(pat)
        pat.client.session.flush()
        assert pat.opens("/secret/").path == "/login/"


class TestFixation:
    def test_a_session_planted_before_log_in_is_not_verified(self, pat: Person) -> None:
        attacker = Client()
        attacker.get("/2fa/start/")
        attacker.get("/login/")
        planted = attacker.session
        planted["planted"] = True
        planted.save()
        attacker.cookies[COOKIE] = planted.session_key
        victim = Person("pat")
        victim.client = Client()
        victim.client.cookies[COOKIE] = planted.session_key
        verified(signs_in(victim, "pat"))
        assert victim.client.cookies[COOKIE].value != planted.session_key
        assert attacker.get("/secret/")["Location"].startswith("/login/")

    def test_session_data_planted_before_log_in_verifies_nobody(self, pat: Person) -> None:
        # The planted data comes from a session of another user.
        eve = verified(made("eve", "+12025550149"), "+12025550149")
        told = eve.client.session["twilio_2fa"]
        victim = Person("pat")
        victim.client = Client()
        session = victim.client.session
        session["twilio_2fa"] = told
        session.save()
        victim.client.cookies[COOKIE] = session.session_key
        signs_in(victim, "pat")
        assert not is_let_in(victim)
        flow = victim.client.session["twilio_2fa"]["flow"]
        assert flow != told["flow"]

    def test_an_attackers_session_is_renewed_when_the_victim_logs_in(self, pat: Person) -> None:
        eve = verified(made("eve", "+12025550149"), "+12025550149")
        key = eve.client.cookies[COOKIE].value
        victim = Person("pat")
        victim.client.cookies[COOKIE] = key
        victim.client.force_login(pat.user)
        verified(victim)
        assert victim.client.cookies[COOKIE].value != key
        assert eve.client.get("/").wsgi_request.user != pat.user

    def test_a_flow_is_random_and_never_shown(self, pat: Person) -> None:
        flows = set()
        for _ in range(3):
            person = Person("pat").opens("start").picks("sms")
            flow = person.client.session["twilio_2fa"]["flow"]
            flows.add(flow)
            assert len(flow) >= 32
            assert flow not in person.page.content.decode()
            assert flow not in str(Verification.objects.values())
        assert len(flows) == 3

    @pytest.mark.parametrize("state", ["x", 7, [], {"flow": 1}, {"verified": True}, {"wizards": 1}])
    def test_a_session_with_broken_data_is_not_verified(self, pat: Person, state: Any) -> None:
        # A site may move its sessions, or keep sessions of an older release.
        session = pat.client.session
        session["twilio_2fa"] = state
        session.save()
        assert not is_let_in(pat)
        verified(pat)

    def test_copied_session_data_verifies_no_other_user_or_flow(self, pat: Person) -> None:
        verified(pat)
        kept = pat.client.session["twilio_2fa"]["verified"]
        other = Person("pat")
        assert other.verifier.flow
        session = other.client.session
        session["twilio_2fa"] = {**session["twilio_2fa"], "user": "0", "verified": kept}
        session.save()
        assert not is_let_in(other)


class TestAgeOfAVerification:
    def test_is_verified_with_max_age_refuses_an_old_verification(self, pat: Person, later: Any) -> None:
        from django_twilio_2fa.session import is_verified

        verified(pat)
        later(3600)
        session = pat.client.session
        session["twilio_2fa"] = {k: v for k, v in session["twilio_2fa"].items() if k != "verified"}
        session.save()
        request = pat.client.get("/").wsgi_request
        assert is_verified(request)
        assert not is_verified(request, max_age=3599)
