"""The endpoints of a registered browser: the API, its schema and its limits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from twilio_2fa_push.testing import SoftwareBrowser

from django_twilio_2fa.models import Answer, Counter

from ..conf.shows import shows
from ..people import Person
from ..pushes import ANSWER, PENDING, approves, is_asked, newest, pending, requests, sends, with_browser

API = "/api/2fa/push/"


@pytest.fixture(autouse=True)
def offered(settings: Any) -> None:
    settings.TWILIO_2FA_ALLOWED_METHODS = ["sms", "push"]
    settings.TWILIO_2FA_SEND_COOLDOWN = 0


@pytest.fixture
def laptop() -> SoftwareBrowser:
    return SoftwareBrowser()


@pytest.fixture
def ann(db: None, laptop: SoftwareBrowser) -> Person:
    return with_browser("ann", laptop, "My laptop")


def calls(name: str, client: Client | None = None, **values: str) -> Any:
    return (client or Client()).post(f"{API}{name}/", values, content_type="application/json")


class TestAPI:
    def test_a_browser_approves_over_the_api_alone(self, ann: Person, laptop: SoftwareBrowser) -> None:
        asked = is_asked(ann)
        nonce = calls("pending").json()["data"]["nonce"]
        told = calls("pending", proof=laptop.proof(nonce)).json()
        [shown] = told["requests"]
        assert (shown["message"], told["notified"]) == (asked.message, False)
        # A nonce from a response works as well as a nonce from an error.
        assert calls("pending", proof=laptop.proof(told["nonce"])).status_code == 200
        answer = laptop.answer(shown["sign"], "approved", asked.number)
        assert calls("answer", answer=answer, number=asked.number).json()["status"] == "approved"
        assert ann.posts("verify").is_verified

    def test_a_browser_denies_over_the_api_alone(self, ann: Person, laptop: SoftwareBrowser) -> None:
        asked = is_asked(ann)
        told = calls("answer", answer=laptop.answer(asked.shown, "denied")).json()
        assert (told["status"], told["sign"]) == ("denied", asked.signed)
        assert newest().answer == Answer.DENIED

    def test_errors_have_the_shape_of_the_api(self, ann: Person, laptop: SoftwareBrowser) -> None:
        asked = is_asked(ann)
        wrong = calls("answer", answer=laptop.answer(asked.shown, "approved", "00"), number="00")
        unknown = calls("pending", proof=SoftwareBrowser(factor=laptop.factor).proof("x"))
        shapeless = calls("pending", proof="x" * 8001)
        for response, status in ((wrong, 400), (unknown, 404), (shapeless, 400)):
            told = response.json()
            assert response.status_code == status
            assert set(told) == {"success", "error_code", "display", "data", "blocking"}
            assert told["data"]["nonce"]
        assert newest().answer == ""

    def test_another_signed_in_user_gets_no_pending_requests(
        self, ann: Person, laptop: SoftwareBrowser, pat: Person
    ) -> None:
        is_asked(ann)
        nonce = calls("pending").json()["data"]["nonce"]
        told = calls("pending", pat.client, proof=laptop.proof(nonce))
        assert (told.status_code, told.json()["error_code"]) == (403, "user_not_allowed")

    def test_the_schema_describes_the_push_endpoints(self) -> None:
        told = SchemaGenerator().get_schema(request=None, public=True)
        shapes = told["components"]["schemas"]
        for name, takes in (
            ("pending", {"proof"}),
            ("answer", {"answer", "number"}),
            ("subscribe", {"proof"}),
        ):
            verb = told["paths"][f"{API}{name}/"]["post"]
            assert verb["description"]
            taken = verb["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            assert set(shapes[taken.rpartition("/")[2]]["properties"]) == takes
            returned = verb["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            assert "nonce" in shapes[returned.rpartition("/")[2]]["properties"]


class TestLimits:
    """Limits of the endpoints, stored in the database: they hold across servers, pages and the API."""

    @shows("LIMITS")
    def test_polls_of_a_browser_are_limited(
        self, ann: Person, laptop: SoftwareBrowser, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"polls_per_device": "2/h"}
        other = SoftwareBrowser()
        with_browser("bob", other)
        is_asked(ann)
        assert len(requests(laptop)) == 1
        assert pending(laptop).status_code == 200
        nonce = calls("pending").json()["data"]["nonce"]
        for refused in (pending(laptop), calls("pending", proof=laptop.proof(nonce))):
            assert (refused.status_code, refused.json()["error_code"]) == (429, "twilio_rate_limited")
            assert 0 < int(refused["Retry-After"]) <= 3600
            assert "requests" not in refused.json()
        # Another browser may still ask, and this one may still answer.
        assert pending(other).status_code == 200
        asked = newest().data["asked"]
        assert sends(laptop.answer(asked["signed"], "approved"), asked["number"]).status_code == 200
        assert Counter.objects.get(scope="polls_per_device:3600", n=2).key not in (laptop.factor, "")

    def test_answers_of_a_browser_are_limited(
        self, ann: Person, laptop: SoftwareBrowser, settings: Any, monkeypatch: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"answers_per_device": "2/h"}
        asked = is_asked(ann)
        assert sends(laptop.answer(asked.shown, "denied")).status_code == 200
        assert sends(laptop.answer(asked.signed, "denied")).status_code == 200
        passed_on: list[str] = []
        monkeypatch.setattr("twilio_2fa_push.challenges.pass_on", lambda row, token: passed_on.append(token))
        for refused in (
            sends(laptop.answer(asked.signed, "denied")),
            calls("answer", answer=laptop.answer(asked.signed, "denied")),
        ):
            assert (refused.status_code, refused.json()["error_code"]) == (429, "twilio_rate_limited")
        assert passed_on == []

    def test_an_attacker_cannot_use_up_the_limits_of_a_browser(
        self, ann: Person, laptop: SoftwareBrowser, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"polls_per_device": "1/h", "answers_per_device": "1/h"}
        asked = is_asked(ann)
        thief = SoftwareBrowser(factor=laptop.factor)
        for _ in range(3):
            assert pending(thief).status_code == 404
            refused = sends(thief.answer(asked.signed, "denied")).json()
            assert refused["error_code"] == "invalid_verification_code"
        assert approves(laptop, asked.number).status_code == 200

    def test_requests_without_a_valid_proof_are_limited_by_address(
        self, ann: Person, laptop: SoftwareBrowser, settings: Any
    ) -> None:
        settings.TWILIO_2FA_LIMITS = {"unproven_requests_per_client": "2/h"}
        settings.TWILIO_2FA_CLIENT_ADDRESS_CB = lambda request: request.META["REMOTE_ADDR"]
        asked = is_asked(ann)
        thief = SoftwareBrowser(factor=laptop.factor)
        assert pending(thief).status_code == 404
        assert sends("x").status_code == 400
        for url, values in ((PENDING, {}), (ANSWER, {}), (f"{API}pending/", {})):
            assert Client().post(url, values, content_type="application/json").status_code == 429
        assert Client(REMOTE_ADDR="203.0.113.9").post(PENDING, {}, "application/json").status_code == 404
        # The registered browser at the same address is not limited.
        assert approves(laptop, asked.number).status_code == 200
