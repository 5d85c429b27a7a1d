"""Threat: a request to the API, or a name in its address, breaks the API or gets around its rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from django_twilio_2fa.models import Device
from django_twilio_2fa.sandbox import messages

from ..api.test_api import ERROR, Caller
from ..people import PHONE, Person
from .starts import rolled_back
from .test_input import ANY_TEXT
from .test_unauthenticated import Stranger

pytestmark = pytest.mark.usefixtures("sessions_in_database")

ENDPOINTS = (
    "send",
    "verify",
    "cancel",
    "set-phone-number",
    "set-email",
    "verification-methods",
    "register",
    "devices",
)
FIELDS = (
    "method",
    "device",
    "phone_number",
    "phone_country",
    "email",
    "verification_id",
    "code",
    "answer",
    "name",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
SENSIBLE = st.sampled_from(
    ["sms", "email", "totp", "recovery", "passkey", "link", PHONE, "202 555 0147", "US", "123456"]
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES | SENSIBLE) | VALUES
KINDS = ["application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]
FINE = {200, 400, 401, 403, 404, 405, 409, 415, 429}


# Each example makes several requests, in a session of its own.
through_the_api = settings(max_examples=max(20, settings.default.max_examples // 10))


def has_api_format(answer: Any) -> bool:
    if answer.status_code not in FINE:
        return False
    return answer.status_code == 200 or set(answer.json()) == ERROR


@through_the_api
@given(body=BODIES, endpoint=st.sampled_from(ENDPOINTS), verb=st.sampled_from(["post", "patch", "delete"]))
def test_any_body_gets_an_api_response_and_registers_nothing(
    sam: Person, body: Any, endpoint: str, verb: str
) -> None:
    with rolled_back():
        before = list(Device.objects.order_by("pk").values())
        caller = Caller("sam")
        device = f"/{before[0]['id']}" if endpoint == "devices" else ""
        call = getattr(caller.client, verb)
        answer = call(f"/api/2fa/{endpoint}{device}/", json.dumps(body), content_type="application/json")
        assert has_api_format(answer), answer.content
        # A device may have been renamed. No device is added or removed.
        left = list(Device.objects.order_by("pk").values())
        assert [{**d, "name": ""} for d in left] == [{**d, "name": ""} for d in before]


@through_the_api
@given(
    raw=st.binary(max_size=60),
    kind=st.sampled_from(["application/json", "text/plain", "multipart/form-data"]),
)
def test_a_body_that_is_not_json_gets_an_api_error(sam: Person, raw: bytes, kind: str) -> None:
    with rolled_back():
        answer = Caller("sam").client.post("/api/2fa/send/", raw, content_type=kind)
        assert has_api_format(answer), answer.content


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e not in ("verification-methods", "devices")])
@pytest.mark.parametrize("opens", ["[", '{"method":'])
def test_json_nested_too_deep_is_a_malformed_request(sam: Person, endpoint: str, opens: str) -> None:
    caller = Caller("sam")
    answer = caller.client.post(f"/api/2fa/{endpoint}/", opens * 100_000, content_type="application/json")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "malformed_request")


def spelled(name: str) -> st.SearchStrategy[str]:
    """Return spellings of a name: letters of any case or width, with or without space around it."""
    letters = [st.sampled_from([c, c.upper(), chr(ord(c) + 0xFEE0)]) for c in name]
    space = st.sampled_from(["", " ", "  ", "\u3000", "\u00a0"])
    return st.tuples(space, *letters, space).map("".join)


@pytest.mark.parametrize("field", ["pk", "username", "last_login", "is_staff"])
@through_the_api
@given(names=st.lists(ANY_TEXT | spelled("sam"), min_size=1, max_size=4))
def test_any_user_name_gets_an_api_response_and_one_limit(
    sam: Person, settings: Any, field: str, names: list[str]
) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = True
    settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = field
    with rolled_back():
        for name in names:
            assert has_api_format(Stranger(name).asks("send", method="sms"))
        assert len(messages.delivered(PHONE)) <= 1


class TestErrorsOutsideTheHandler:
    """Errors that are raised outside an endpoint's own code also get the error format of the API."""

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    @pytest.mark.parametrize("body", ["[" * 5_000, "[" * 100_000, '{"a":' * 5_000])
    def test_csrf_checks_of_deep_json_end_in_400(self, sam: Person, endpoint: str, body: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(sam.user)
        client.get("/2fa/start/")
        token = client.cookies["csrftoken"].value
        answer = client.post(
            f"/api/2fa/{endpoint}/", body, content_type="application/json", HTTP_X_CSRFTOKEN=token
        )
        wanted = {"verification-methods": (400, 200), "devices": (400, 405)}.get(endpoint, (400,))
        assert answer.status_code in wanted
        assert has_api_format(answer), answer.content

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "none-such", "hex"])
    def test_csrf_checks_of_odd_encodings_end_in_400(self, sam: Person, charset: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(sam.user)
        client.get("/2fa/start/")
        token = client.cookies["csrftoken"].value
        answer = client.generic(
            "POST",
            "/api/2fa/send/",
            b'{"method": "\xff\xfe"}',
            content_type=f"application/json; charset={charset}",
            HTTP_X_CSRFTOKEN=token,
        )
        assert answer.status_code == 400
        assert has_api_format(answer), answer.content

    @pytest.mark.parametrize("kind", ["authentication", "permission", "throttle"])
    @pytest.mark.parametrize("when", ["made", "asked"])
    def test_a_failing_class_of_the_site_gets_an_api_error(
        self, sam: Person, settings: Any, kind: str, when: str
    ) -> None:
        settings.TWILIO_2FA_API_CLASSES = {kind: [f"{__name__}.Fails{when.title()}"]}
        client = Client(raise_request_exception=False)
        client.force_login(sam.user)
        answer = client.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")
        assert answer.status_code == 500
        assert set(answer.json()) == ERROR
        assert not messages.delivered(PHONE)

    def test_a_response_that_cannot_be_rendered_is_an_api_error(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_METHOD_DETAILS = {"sms": {"icon": object()}}
        client = Client(raise_request_exception=False)
        client.force_login(sam.user)
        answer = client.post("/api/2fa/verification-methods/")
        assert answer.status_code == 500
        assert set(answer.json()) == ERROR

    def test_a_failure_sends_djangos_signal_got_request_exception(self, sam: Person, settings: Any) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"permission": [f"{__name__}.FailsAsked"]}
        client = Client()
        client.force_login(sam.user)
        with pytest.raises(RuntimeError, match="the site's own fault"):
            client.post("/api/2fa/send/", {"method": "sms"}, content_type="application/json")


class FailsMade:
    def __init__(self) -> None:
        raise RuntimeError("the site's own fault")


class FailsAsked:
    def _fail(self, *args: Any) -> Any:
        raise RuntimeError("the site's own fault")

    authenticate = has_permission = allow_request = _fail
