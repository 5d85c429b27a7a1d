"""`request.two_factor`: the state of a verification, its end, and its queries."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.session import get_two_factor, is_verified
from django_twilio_2fa.testing import register_device, verify

from ..conf.shows import shows
from ..loops import result_of
from ..people import EMAIL, Person

pytestmark = pytest.mark.usefixtures("sessions_in_database")


def verified(person: Person, method: str = "sms", **where: str) -> Person:
    return person.opens("start").picks(method).types_the_code(**where)


def state(person: Person) -> Any:
    """Return the state as a page of the site reads it."""
    return get_two_factor(person.client.get("/mail/").wsgi_request)


def ask_again(person: Person) -> None:
    """Let the time pass after which the database has to confirm the state in a session."""
    session = person.client.session
    part = session["twilio_2fa"]
    part["verified"]["checked"] -= 61
    session["twilio_2fa"] = part
    session.save()


def test_a_user_is_not_verified_before_the_code(pat: Person) -> None:
    found = state(pat)
    assert not found.verified
    assert (found.verified_at, found.age, found.method, found.device) == (None, None, "", "")
    assert not found.trusted_browser
    assert found.records == ()


def test_a_visitor_without_a_session_is_not_verified() -> None:
    assert not get_two_factor(RequestFactory().get("/")).verified


def test_the_state_has_the_time_method_and_device(pat: Person) -> None:
    found = state(verified(pat))
    assert found.verified
    assert found.method == "sms"
    assert found.device == str(Device.objects.get().pk)
    assert timedelta(0) <= found.age < timedelta(seconds=30)
    assert abs((found.verified_at - Verification.objects.get().approved_at).total_seconds()) < 1


def test_a_first_registration_names_the_new_device(demo: Person) -> None:
    demo.opens("start").picks("sms").registers().types_the_code()
    assert state(demo).device == str(Device.objects.get().pk)


def test_each_method_has_its_own_record(sam: Person) -> None:
    verified(verified(sam), "email", to=EMAIL)
    found = state(sam)
    assert [record.method for record in found.records] == ["email", "sms"]
    assert found.satisfies(methods=["sms"])
    assert not found.satisfies(methods=["totp"])
    assert is_verified(sam.client.get("/").wsgi_request, methods={"email"})


def test_max_age_and_methods_must_hold_for_one_record(sam: Person) -> None:
    verify(sam.client, ago=3600)
    verified(sam, "email", to=EMAIL)
    found = state(sam)
    assert found.satisfies(60)
    assert found.satisfies(methods=["test"])
    assert not found.satisfies(60, ["test"])


# The end of a verification


@pytest.mark.parametrize("way", ["instance", "queryset", "user's page"])
def test_removing_a_device_ends_its_verifications_everywhere(sam: Person, way: str) -> None:
    others = [verified(Person("sam")), verified(Person("sam"), "email", to=EMAIL)]
    verified(sam)
    phone = Device.objects.get(kind="phone_number")
    if way == "instance":
        phone.delete()
    elif way == "queryset":
        Device.objects.filter(pk=phone.pk).delete()
    else:
        sam.posts(f"/2fa/remove/{phone.pk}/")
    assert not Device.objects.filter(pk=phone.pk).exists()
    for person in (sam, *others):
        ask_again(person)
    assert not state(sam).verified
    assert not state(others[0]).verified
    # A session that was verified with another device is still verified.
    assert state(others[1]).verified
    assert sam.opens("/secret/").is_at("start")


def test_removing_a_device_ends_verification_by_registration(demo: Person) -> None:
    demo.opens("start").picks("sms").registers().types_the_code()
    Device.objects.all().delete()
    ask_again(demo)
    assert not state(demo).verified


def test_a_changed_number_ends_verification_elsewhere_only(pat: Person) -> None:
    other = verified(Person("pat"))
    verified(pat)
    phone = Device.objects.get()
    pat.opens(f"/2fa/change/{phone.pk}/").picks("sms").registers("202 555 0147").types_the_code(
        "+12025550147"
    )
    assert Device.objects.get().value == "+12025550147"
    ask_again(pat)
    ask_again(other)
    assert state(pat).device == str(Device.objects.get().pk)
    assert not state(other).verified


def test_a_number_changed_by_the_site_ends_verification(pat: Person, settings: Any) -> None:
    numbers = ["+12025550143"]
    settings.TWILIO_2FA_PHONE_NUMBER_CB = lambda user: numbers[0]
    assert state(verified(pat)).verified
    ask_again(pat)
    assert state(pat).verified
    numbers[0] = "+12025550147"
    ask_again(pat)
    assert not state(pat).verified


def test_a_revoked_verification_ends_in_the_session(pat: Person) -> None:
    verified(pat)
    Verification.objects.filter(user=pat.user).update(verifies_session=False)
    ask_again(pat)
    assert not state(pat).verified
    assert "verified" not in pat.client.session["twilio_2fa"]


def test_a_session_restored_after_a_log_out_is_not_verified(pat: Person) -> None:
    verified(pat)
    copy = dict(pat.client.session)
    pat.client.post("/logout/")
    pat.client.force_login(pat.user)
    restored = pat.client.session
    restored.update(copy)
    restored.save()
    ask_again(pat)
    assert not state(pat).verified


def test_impersonation_is_not_verified(pat: Person, demo: Person) -> None:
    # A library for impersonation replaces `request.user` and does not change the session.
    verified(pat)
    request = pat.client.get("/mail/").wsgi_request
    assert get_two_factor(request).verified
    request.user = demo.user
    assert not get_two_factor(request).verified
    request.user = pat.user
    assert get_two_factor(request).verified


# Queries


@shows("VERIFIED_RECHECK")
class TestRecheck:
    def reads(self, person: Person) -> int:
        """Return the number of queries on verifications when a new request reads the state."""
        request = person.client.get("/mail/").wsgi_request
        assert request.user.is_authenticated
        with CaptureQueriesContext(connection) as caught:
            assert get_two_factor(request).verified
            assert is_verified(request)
        return len([q for q in caught if "twilio_2fa_verification" in q["sql"]])

    def test_the_database_is_queried_once_per_recheck_period(self, pat: Person) -> None:
        verified(pat)
        assert [self.reads(pat) for _ in range(3)] == [0, 0, 0]
        ask_again(pat)
        assert [self.reads(pat) for _ in range(3)] == [1, 0, 0]

    @pytest.mark.parametrize("seconds", [0, 0.0, timedelta(0)])
    def test_recheck_of_zero_queries_at_each_request(self, pat: Person, settings: Any, seconds: Any) -> None:
        settings.TWILIO_2FA_VERIFIED_RECHECK = seconds
        verified(pat)
        assert [self.reads(pat) for _ in range(3)] == [1, 1, 1]
        Device.objects.all().delete()
        assert not state(pat).verified

    def test_a_clock_that_was_set_back_causes_a_recheck(self, pat: Person) -> None:
        verified(pat)
        session = pat.client.session
        session["twilio_2fa"]["verified"]["checked"] = time.time() + 1000
        session.save()
        assert self.reads(pat) == 1

    def test_a_new_approval_does_not_confirm_the_old_ones(self, sam: Person) -> None:
        verified(sam)
        ask_again(sam)
        before = sam.client.session["twilio_2fa"]["verified"]["checked"]
        request = sam.client.get("/mail/").wsgi_request
        from django_twilio_2fa.session import remember

        remember(request, Verification.objects.get())
        assert request.session["twilio_2fa"]["verified"]["checked"] == before

    def test_a_recheck_saves_nothing_else_of_the_session(self, pat: Person) -> None:
        # A slow request must not undo what another request has stored meanwhile.
        verified(pat)
        ask_again(pat)
        request = pat.client.get("/mail/").wsgi_request
        assert request.session.get("cart") is None
        other = pat.client.session
        other["cart"] = "full"
        other.save()
        assert get_two_factor(request).verified
        assert not request.session.modified
        assert pat.client.session["cart"] == "full"
        assert time.time() - pat.client.session["twilio_2fa"]["verified"]["checked"] < 30

    def test_a_recheck_keeps_data_that_another_log_in_stored(self, pat: Person) -> None:
        verified(pat)
        ask_again(pat)
        request = pat.client.get("/mail/").wsgi_request
        assert request.session.get("twilio_2fa")
        other = pat.client.session
        other["twilio_2fa"] = {"flow": "another", "user": "7"}
        other.save()
        assert get_two_factor(request).verified
        assert pat.client.session["twilio_2fa"] == {"flow": "another", "user": "7"}

    def test_a_recheck_does_not_restore_a_deleted_session(self, pat: Person) -> None:
        verified(pat)
        ask_again(pat)
        request = pat.client.get("/mail/").wsgi_request
        assert request.session.get("twilio_2fa")
        Session.objects.all().delete()
        assert get_two_factor(request).verified
        assert not Session.objects.exists()


@pytest.mark.parametrize("engine", ["cache", "cached_db", "signed_cookies", "file"])
def test_the_state_works_with_every_session_engine(
    pat: Person, settings: Any, engine: str, tmp_path: Any
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.TWILIO_2FA_VERIFIED_RECHECK = 0
    person = Person("pat")
    assert verified(person).opens("/secret/").path == "/secret/"
    assert state(person).verified
    register_device(person.user, "+12025550147")
    Device.objects.get(value="+12025550143").delete()
    assert person.opens("/secret/").is_at("start")


@pytest.mark.django_db(transaction=True)
def test_async_code_loads_the_state_first() -> None:
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user("pat", password="pat")
    register_device(user)
    person = verified(Person("pat"))
    ask_again(person)
    request = person.client.get("/mail/").wsgi_request
    fresh = RequestFactory().get("/")
    fresh.COOKIES = dict(request.COOKIES)
    from django.contrib.auth.middleware import AuthenticationMiddleware
    from django.contrib.sessions.middleware import SessionMiddleware

    SessionMiddleware(lambda r: None).process_request(fresh)
    AuthenticationMiddleware(lambda r: None).process_request(fresh)

    async def view() -> tuple[bool, str, Any]:
        loaded = await get_two_factor(fresh).aload()
        # The user is not read again, so there are as many queries as in sync code.
        again = await fresh.auser() if hasattr(fresh, "auser") else fresh.user
        return loaded.verified, loaded.method, again

    verified_, method, again = result_of(view)
    assert (verified_, method) == (True, "sms")
    assert again == user
