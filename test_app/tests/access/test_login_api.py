"""Signing in without a page: the password by JSON, then the second factor over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_2fa.models import Device, Verification
from django_twilio_2fa.process import signing_in
from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.testing import verify

from ..api.test_api import Caller, refused
from ..browsers.people import cookies_of, has_cookie
from ..helpers import heard, wrong_code
from ..people import PHONE, Person

JSON = {"HTTP_ACCEPT": "application/json"}


class FrontEnd(Caller):
    """A front end in one browser that sends and accepts only JSON."""

    def __init__(self, *, csrf: bool = False) -> None:
        super().__init__()
        self.client = Client(enforce_csrf_checks=csrf)

    def signs_in(self, username: str = "sam", password: str = "", **headers: str) -> Any:
        told = {"username": username, "password": password or username}
        return self.client.post("/in/", told, content_type="application/json", **headers)

    @property
    def user_name(self) -> str:
        return str(self.client.get("/who/").json()["user"])


@pytest.fixture
def front(logins: Any, sam: Person) -> FrontEnd:
    return FrontEnd()


def sends(front: FrontEnd) -> str:
    return str(front.sends(method="sms")["verification_id"])


class TestCodeOverTheApi:
    def test_a_code_over_the_api_signs_in(self, front: FrontEnd) -> None:
        answer = front.signs_in()
        assert (answer.status_code, answer.json()) == (
            401,
            {
                "signed_in": False,
                "detail": "Check it is you before you go on.",
                "error_code": "two_factor_required",
                "url": "/2fa/start/?next=%2Fpage%2F",
            },
        )
        with heard(user_logged_in) as told:
            methods = front.asks("verification-methods", "get").json()["verification_methods"]
            assert "sms" in methods
            id = sends(front)
            assert told == []
            assert front.user_name == ""
            done = front.verifies(id, messages.last_code(PHONE)).json()
        assert (done["verified"], done["signed_in"]) == (True, True)
        assert [event["user"].username for event in told] == ["sam"]
        assert front.client.get("/who/").json() == {"user": "sam", "verified": True}

    def test_a_form_post_that_accepts_json_gets_json(self, front: FrontEnd) -> None:
        answer = front.client.post("/in/", {"username": "sam", "password": "sam"}, **JSON)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "two_factor_required")

    def test_a_user_who_need_not_verify_is_signed_in_at_once(self, front: FrontEnd, demo: Person) -> None:
        answer = front.signs_in("demo")
        assert (answer.status_code, answer.json()) == (200, {"signed_in": True, "url": "/page/"})
        assert front.user_name == "demo"

    def test_a_user_without_a_device_registers_over_the_api(
        self,
        front: FrontEnd,
        demo: Person,
        logins: Any,
    ) -> None:
        logins.TWILIO_2FA_REQUIRED_CB = True
        front.signs_in("demo")
        id = front.asks("set-phone-number", phone_number="+12025550147").json()["verification_id"]
        assert front.verifies(id, messages.last_code("+12025550147")).json()["signed_in"]
        assert front.user_name == "demo"

    def test_a_remembered_browser_signs_in_without_a_code(self, front: FrontEnd, logins: Any) -> None:
        logins.TWILIO_2FA_TRUSTED_BROWSER_AGE = timedelta(days=30)
        front.signs_in()
        id = sends(front)
        front.asks("verify", verification_id=id, code=messages.last_code(PHONE), trust_browser=True)
        assert has_cookie(front)  # type: ignore[arg-type]
        again = FrontEnd()
        again.client.cookies.load(cookies_of(front.client))
        assert again.signs_in().json()["signed_in"]
        assert again.client.get("/who/").json() == {"user": "sam", "verified": True}

    def test_signed_in_is_false_for_a_user_signed_in_before(self, front: FrontEnd, sam: Person) -> None:
        caller = Caller("sam")
        done = caller.verifies(caller.sends(method="sms")["verification_id"], messages.last_code(PHONE))
        assert done.json()["signed_in"] is False


class TestPasswordAlone:
    def test_requests_without_a_csrf_token_are_refused(self, front: FrontEnd) -> None:
        strict = FrontEnd(csrf=True)
        assert strict.signs_in().status_code == 403
        strict.client.get("/in/")
        token = strict.client.cookies["csrftoken"].value
        assert strict.signs_in(HTTP_X_CSRFTOKEN=token).status_code == 401
        refused(strict.asks("send", method="sms"), 403, "user_not_allowed")
        assert not Verification.objects.exists()
        strict.headers = {"HTTP_X_CSRFTOKEN": token}
        assert strict.asks("send", method="sms").status_code == 200

    @pytest.mark.parametrize(
        ("endpoint", "verb"),
        [
            ("devices", "get"),
            ("devices/x", "patch"),
            ("devices/x", "delete"),
            ("browsers", "get"),
            ("browsers", "post"),
            ("browsers", "delete"),
            ("activity", "get"),
        ],
    )
    def test_a_password_alone_opens_no_other_endpoint(
        self, front: FrontEnd, endpoint: str, verb: str
    ) -> None:
        front.signs_in()
        values = {} if verb == "get" else {"name": "x"}
        refused(front.asks(endpoint, verb, **values), 401, "user_unauthenticated")

    @pytest.mark.parametrize("begins", ["set-phone-number", "set-email", "register"])
    def test_a_password_alone_adds_no_device(
        self,
        front: FrontEnd,
        begins: str,
        logins: Any,
    ) -> None:
        logins.TWILIO_2FA_ALLOWED_METHODS = ["sms", "email", "recovery"]
        front.signs_in()
        about = {"phone_number": "+12025550147", "email": "x@example.org", "method": "recovery"}
        name = {"set-phone-number": "phone_number", "set-email": "email", "register": "method"}[begins]
        refused(front.asks(begins, **{name: about[name]}), 403, "proof_required")
        assert Device.objects.count() == 2

    def test_a_wrong_code_signs_nobody_in(self, front: FrontEnd) -> None:
        front.signs_in()
        id = sends(front)
        refused(front.verifies(id, wrong_code(messages.last_code(PHONE))), 400, "invalid_verification_code")
        assert front.user_name == ""

    def test_the_code_of_another_session_signs_nobody_in(self, front: FrontEnd) -> None:
        other = FrontEnd()
        other.signs_in()
        id = sends(other)
        other.verifies(id, messages.last_code(PHONE))
        front.signs_in()
        front.verifies(id, messages.last_code(PHONE))
        assert front.user_name == ""

    def test_a_half_way_log_in_over_the_api_lasts_ten_minutes(self, front: FrontEnd) -> None:
        front.signs_in()
        id = sends(front)
        session = front.client.session
        session["twilio_2fa"]["signing_in"]["at"] -= signing_in.LIFETIME + 1
        session.save()
        refused(front.verifies(id, messages.last_code(PHONE)), 401, "user_unauthenticated")
        assert front.user_name == ""

    def test_an_api_token_takes_precedence_over_a_half_way_log_in(self, front: FrontEnd, pat: Person) -> None:
        front.signs_in()
        front.headers = Caller("pat", token=True).headers
        id = sends(front)
        assert Verification.objects.get().user == pat.user
        assert front.verifies(id, messages.last_code(PHONE)).json()["signed_in"] is False
        front.headers = {}
        assert front.user_name == ""

    def test_a_user_id_parameter_does_not_replace_the_user(
        self,
        front: FrontEnd,
        pat: Person,
        logins: Any,
    ) -> None:
        logins.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
        front.signs_in()
        front.client.post(f"/api/2fa/send/?user_id={pat.user.pk}", {"method": "sms"})
        assert Verification.objects.get().user.username == "sam"

    def test_a_verify_request_with_a_lost_answer_can_be_repeated(self, front: FrontEnd) -> None:
        front.signs_in()
        id, code = sends(front), messages.last_code(PHONE)
        state = dict(front.client.session)
        front.verifies(id, code)
        twin = FrontEnd()
        session = twin.client.session
        session.update(state)
        session.save()
        twin.client.cookies["sessionid"] = session.session_key
        assert twin.verifies(id, code).json()["signed_in"]
        assert twin.user_name == "sam"

    def test_the_session_key_changes_when_the_code_is_verified(self, front: FrontEnd) -> None:
        front.signs_in()
        id, before = sends(front), front.client.session.session_key
        front.verifies(id, messages.last_code(PHONE))
        assert front.client.session.session_key != before


class TestRequestBodies:
    def test_a_wrong_password_gets_a_400(self, front: FrontEnd) -> None:
        answer = front.signs_in(password="wrong")
        told = answer.json()
        assert (answer.status_code, told["error_code"], told["signed_in"]) == (400, "invalid_login", False)
        assert "correct username and password" in told["detail"]
        assert set(told["fields"]) == {"__all__"}

    @pytest.mark.parametrize("body", ["owl", "[]", "7", '{"username": 7}', "{" * 5000, "[" * 100_000])
    def test_a_body_that_is_not_a_json_object_gets_a_400(self, front: FrontEnd, body: str) -> None:
        answer = front.client.post("/in/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "required")

    def test_a_browser_still_gets_pages(self, front: FrontEnd) -> None:
        told = {"username": "sam", "password": "sam"}
        html = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
        assert front.client.post("/in/", told, **html).status_code == 302
        assert front.client.post("/in/", {}, **html).status_code == 200
        assert front.client.post("/in/", told, HTTP_HX_REQUEST="true").status_code == 302


@given(body=st.binary(max_size=200), encoding=st.sampled_from(["utf-8", "utf-16", "owl"]))
def test_any_body_is_answered_without_an_error(body: bytes, encoding: str) -> None:
    from django.test import RequestFactory

    from django_twilio_2fa.pages.login import _read_json

    kind = f"application/json; charset={encoding}"
    request: Any = RequestFactory().generic("POST", "/", body, content_type=kind)
    assert isinstance(_read_json(request), dict)


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_lone_surrogate_is_an_invalid_log_in(front: FrontEnd, field: str) -> None:
    told = {"username": "sam", "password": "sam", field: "sam\ud800"}
    answer = front.client.post("/in/", told, content_type="application/json")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_login")


def test_a_new_log_in_ends_a_verified_session(front: FrontEnd, sam: Person) -> None:
    front.client = sam.client
    verify(front.client)
    front.signs_in()
    assert front.user_name == ""
