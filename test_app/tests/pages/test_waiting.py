"""Methods that wait for an approval elsewhere, which verifies only the session that asked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from django_twilio_2fa import errors
from django_twilio_2fa.models import Counter, Verification
from django_twilio_2fa.session import get_verifier

from ..people import EMAIL, Person


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["link", "sms", "email"]


@pytest.fixture
def asked(sam: Person) -> Person:
    """Return Sam on the page that waits for an approval."""
    return sam.opens("start").picks("link")


def link(n: int = -1) -> str:
    found = re.search(r"https?://[^/]+(/\S+)", mail.outbox[n].body)
    assert found
    return found[1]


def number_on(person: Person) -> str:
    return str(person.page.context["number"])


def answers(number: str, n: int = -1) -> Any:
    return Client().post(link(n), {"number": number})


def status(person: Person) -> dict[str, bool]:
    told: dict[str, bool] = person.client.get("/2fa/status/").json()
    return told


class TestTheWait:
    def test_the_page_continues_after_the_approval(self, asked: Person) -> None:
        assert asked.is_at("verify")
        assert status(asked) == {"ready": False, "over": False}
        answers(number_on(asked))
        assert status(asked) == {"ready": True, "over": False}
        assert not asked.is_verified
        asked.posts()
        assert asked.is_verified

    def test_the_button_before_an_approval_is_not_an_attempt(self, asked: Person) -> None:
        for _ in range(7):
            asked.posts()
            assert asked.is_at("verify")
            assert "We have not had your answer yet." in asked.text
        assert Verification.objects.get().attempts == 0
        assert not Counter.objects.filter(scope__contains="wrong", n__gt=0).exists()
        answers(number_on(asked))
        assert asked.posts().is_verified

    def test_the_waiting_page_has_no_field_and_a_resend_button(self, asked: Person) -> None:
        assert "token" not in asked.page.context["form"].fields
        assert "Ask again" in asked.text
        assert "I have answered" in asked.text

    def test_a_resend_sends_a_new_link(self, asked: Person, later: Any) -> None:
        later(31)
        asked.posts(action="resend", verification=asked.page.context["verification_id"])
        assert len(mail.outbox) == 2
        answers(number_on(asked.opens("verify")))
        assert asked.posts("verify").is_verified

    def test_a_refusal_cannot_be_changed(self, asked: Person) -> None:
        number = number_on(asked)
        answers("")
        answers(number)
        assert status(asked)["ready"]
        asked.posts()
        assert asked.is_at("start")
        assert "The request was refused. If that was not you, change your password." in asked.text
        assert not asked.is_verified
        assert Verification.objects.get().status == "failed"

    def test_picking_a_wrong_number_is_a_refusal(self, asked: Person) -> None:
        wrong = next(n for n in range(10, 100) if str(n) != number_on(asked))
        answers(str(wrong))
        assert not asked.posts().is_verified

    def test_opening_the_link_approves_nothing(self, asked: Person) -> None:
        assert Client().get(link()).status_code == 200
        assert Client().head(link()).status_code == 200
        assert not asked.posts().is_verified

    def test_an_answer_after_the_expiration_is_ignored(self, asked: Person, later: Any) -> None:
        number = number_on(asked)
        later(601)
        answers(number)
        assert not asked.posts().is_verified
        assert status(asked) == {"ready": False, "over": True}

    @pytest.mark.parametrize("signed", ["x", "x:y:z", "a" * 300])
    def test_a_link_with_a_wrong_signature_is_not_found(self, asked: Person, signed: str) -> None:
        assert Client().get(f"/2fa/link/{signed}/").status_code == 404
        assert Client().post(f"/2fa/link/{signed}/", {"number": number_on(asked)}).status_code == 404
        assert not asked.posts().is_verified

    def test_the_status_says_over_if_there_is_no_verification(self, sam: Person) -> None:
        assert status(sam) == {"ready": False, "over": True}
        assert Client().get("/2fa/status/").status_code == 302


class TestTheAnswer:
    """Answers that a view or a webhook records, without the checks of that view or webhook."""

    @pytest.mark.parametrize("first", [True, False])
    def test_the_first_answer_counts(self, asked: Person, first: bool) -> None:
        row = Verification.objects.get()
        assert Verification.objects.answer(row.public_id, approved=first)
        assert not Verification.objects.answer(row.public_id, approved=not first)
        assert asked.posts("verify").is_verified is first

    def test_an_expired_verification_takes_no_answer(self, asked: Person, later: Any) -> None:
        later(601)
        row = Verification.objects.get()
        assert not Verification.objects.answer(row.public_id, approved=True)

    def test_an_ended_verification_takes_no_answer(self, asked: Person) -> None:
        asked.posts("verify", action="cancel")
        row = Verification.objects.get()
        assert not Verification.objects.answer(row.public_id, approved=True)


class TestOtherSessions:
    """An attacker who has the password and also asks. The owner's approval must not verify the attacker."""

    def test_an_approval_verifies_only_the_session_that_waits(self, asked: Person) -> None:
        thief = Person("sam").opens("start").picks("link")
        assert Verification.objects.count() == 2
        answers(number_on(asked), n=0)
        assert not thief.posts("verify").is_verified
        assert asked.posts("verify").is_verified

    def test_the_id_of_a_verification_verifies_no_other_session(self, asked: Person) -> None:
        thief = Person("sam").opens("start")
        row = Verification.objects.get()
        answers(number_on(asked))
        thief.posts("verify", verification=str(row.public_id))
        assert not thief.is_verified
        with pytest.raises(errors.VerificationNotFound):
            get_verifier(thief.client.get("/2fa/start/").wsgi_request).check(row, "")
        assert asked.posts("verify").is_verified

    def test_the_page_shows_neither_the_link_nor_the_address(self, asked: Person) -> None:
        assert link() not in asked.page.content.decode()
        assert EMAIL not in asked.page.content.decode()
