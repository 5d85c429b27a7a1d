"""Sessions: planted, kept, taken over; and other people's verifications used in one's own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_twilio_2fa.models import Device, Status, Verification
from django_twilio_2fa.sandbox import messages

from ..people import PHONE, Person


def test_a_session_that_was_planted_before_the_log_in_is_worth_nothing_after_it(pat: Person) -> None:
    attacker = Client()
    attacker.get("/2fa/start/")
    session = attacker.session
    session["twilio_2fa"] = {"flow": "planted", "user": str(pat.user.pk), "skipped": True}
    session.save()
    planted = session.session_key
    attacker.cookies["sessionid"] = planted
    victim = Person("pat")
    victim.client = Client()
    victim.client.cookies["sessionid"] = planted
    assert victim.client.post("/login/", {"username": "pat", "password": "pat"}).status_code == 302
    victim.opens("start").picks("sms").types_the_code()
    assert victim.is_verified
    assert victim.client.session.session_key != planted
    assert attacker.get("/secret/")["Location"].startswith("/login/")
    row = Verification.objects.get()
    assert row.status == Status.APPROVED


def test_a_flow_id_is_each_sessions_own_and_is_shown_nowhere(pat: Person) -> None:
    other = Person("pat")
    pages = [person.opens(page).page for person in (pat, other) for page in ("start", "devices")]
    flows = [person.client.session["twilio_2fa"]["flow"] for person in (pat, other)]
    assert len(set(flows)) == 2
    assert not [flow for flow in flows for page in pages if flow in page.content.decode()]


@pytest.fixture
def theirs(pat: Person) -> Verification:
    """Somebody else's pending verification, of which everything is known but the code's owner."""
    pat.opens("start").picks("sms")
    return Verification.objects.get()


@pytest.mark.parametrize("by", ["public_id", "sid", "id", "pending_key", "unknown"])
@pytest.mark.parametrize("going_on", [False, True])
def test_a_verification_of_another_user_cannot_be_used(
    demo: Person, theirs: Any, by: str, going_on: bool
) -> None:
    """By our id, Twilio's, the row's or what holds it; and it looks the same as one that does not exist."""
    value = str(uuid4() if by == "unknown" else getattr(theirs, by))
    demo.opens("start")
    if going_on:
        demo.picks("sms").registers("202 555 0147")
    answer = demo.client.post("/2fa/verify/", {"token": messages.last_code(PHONE), "verification": value})
    if going_on and by not in ("public_id", "unknown"):
        # What is no id of ours is no valid form.
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.get("Location")) == (302, "/2fa/start/")
    assert not demo.is_verified
    theirs.refresh_from_db()
    assert (theirs.status, theirs.attempts) == ("pending", 0)


def test_nor_by_data_that_formtools_would_take(demo: Person, theirs: Any) -> None:
    code = messages.last_code(PHONE)
    forged = {
        "verification_wizard_view-current_step": "verify",
        "twilio_2fa-current_step": "verify",
        "wizard_goto_step": "verify",
        "verify-token": code,
        "verify-verification": str(theirs.public_id),
        "token": code,
        "verification": str(theirs.public_id),
    }
    for step in ("start", "register", "verify", "success", "failed"):
        assert demo.client.post(f"/2fa/{step}/", forged).status_code in (200, 302)
    assert not demo.is_verified
    theirs.refresh_from_db()
    assert (theirs.status, theirs.attempts) == ("pending", 0)


def test_another_session_of_the_user_gains_nothing_by_an_approval(pat: Person, theirs: Any) -> None:
    other = Person("pat").opens("start")
    other.posts("verify", verification=str(theirs.public_id), action="resend")
    pat.types_the_code()
    assert pat.is_verified
    assert not other.opens("verify").is_verified
    assert not other.opens("success").is_at("success")
    assert other.opens("/secret/").is_at("start")


def test_success_without_proof_leads_back_to_the_start(pat: Person, demo: Person) -> None:
    for person in (pat, demo):
        assert person.opens("success").is_at("start")
        assert person.posts("success").is_at("start")
        person.opens("start").picks("sms")
        assert not person.opens("success").is_at("success")


def test_a_code_to_a_number_that_was_just_typed_proves_nothing_of_the_device(pat: Person) -> None:
    """Whoever has the password of an account with a phone cannot enrol another in its place."""
    code_to = "+12025550147"
    for page in ("register", "/2fa/add/register/", f"/2fa/change/{Device.objects.get().pk}/register/"):
        pat.posts(page, country_code="US", phone_number=code_to, method="sms")
    assert not messages.delivered(code_to)
    pat.opens("start").picks("sms")
    pat.posts("register", country_code="US", phone_number=code_to)
    assert not messages.delivered(code_to)
    assert [d.value for d in Device.objects.all()] == [PHONE]


def test_no_verified_state_survives_a_change_of_the_session(pat: Person, django_user_model: Any) -> None:
    """Log-out, another user's log-in, a changed password here and in another session."""
    pat.opens("start").picks("sms").types_the_code()
    cookies = pat.client.cookies.copy()
    pat.client.logout()
    kept = Client()
    kept.cookies = cookies
    assert kept.get("/secret/")["Location"].startswith("/login/")

    def verified() -> Person:
        Verification.objects.all().delete()
        person = Person("pat").opens("start").picks("sms").types_the_code()
        assert person.is_verified
        return person

    person = verified()
    django_user_model.objects.create_user("next")
    person.client.force_login(django_user_model.objects.get(username="next"))
    assert not person.is_verified
    person.client.force_login(pat.user)
    assert not person.is_verified
    here, elsewhere = verified(), Person("pat")
    user = django_user_model.objects.get(username="pat")
    user.set_password("another")
    user.save()
    # Django keeps a session that has the new hash; what was verified under the old one is not.
    for person in (here, elsewhere):
        person.client.force_login(user)
        assert not person.is_verified


def test_an_unverified_login_of_the_same_user_in_a_verified_browser_starts_anew(pat: Person) -> None:
    pat.opens("start").picks("sms").types_the_code()
    get_user_model().objects.create_user("mallory")
    for name in ("mallory", "pat"):
        pat.client.force_login(get_user_model().objects.get(username=name))
    assert not pat.is_verified
