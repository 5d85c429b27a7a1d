"""The sandbox behaves as Twilio does, seen through twilio-python."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from django_twilio_2fa.sandbox import messages
from django_twilio_2fa.sandbox.http import SandboxHttpClient
from django_twilio_2fa.sandbox.magic import MAGIC, Magic
from django_twilio_2fa.sandbox.models import SandboxVerification
from django_twilio_2fa.sandbox.twilio_errors import CODES

from .. import openapi
from ..clock import pass_time
from ..helpers import wrong_code

SERVICE = "VA" + "a" * 32
TO = "+12025550143"

pytestmark = pytest.mark.django_db
needs_spec = pytest.mark.skipif(not openapi.HERE, reason="Twilio's OpenAPI files are not beside the checkout")


def client(token: str = "secret") -> Client:
    return Client("AC" + "b" * 32, token, http_client=SandboxHttpClient())


def service(sid: str = SERVICE) -> Any:
    return client().verify.v2.services(sid)


def send(to: str = TO, channel: str = "sms", **options: Any) -> Any:
    return service().verifications.create(to=to, channel=channel, **options)


def check(code: str, **key: Any) -> Any:
    return service().verification_checks.create(code=code, **(key or {"to": TO}))


def refused(action: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        action()
    return caught.value.code, caught.value.status


class TestSend:
    @pytest.mark.parametrize(
        ("channel", "to"), [("sms", TO), ("call", TO), ("whatsapp", TO), ("email", "a@example.com")]
    )
    def test_the_sandbox_delivers_a_code(self, channel: str, to: str) -> None:
        answer = send(to, channel)
        assert (answer.status, answer.to, answer.channel, answer.valid) == ("pending", to, channel, False)
        (message,) = messages.delivered(to)
        assert message["verification_sid"] == answer.sid
        assert message["code"] in message["body"].replace(", ", "")

    def test_a_resend_has_the_same_sid_and_code_over_any_channel(self) -> None:
        first = send()
        second = send(channel="call")
        assert first.sid == second.sid
        assert {m["code"] for m in messages.delivered(TO)} == {messages.last_code(TO)}
        assert [a["channel"] for a in second.send_code_attempts] == ["sms", "call"]

    def test_the_sixth_send_is_refused(self) -> None:
        for _ in range(5):
            send()
        assert refused(send) == (60203, 429)
        assert len(messages.delivered(TO)) == 5

    def test_a_send_after_the_expiration_is_a_new_verification(self) -> None:
        first = send().sid
        pass_time(601)
        assert send().sid != first

    def test_services_of_the_sandbox_are_separate(self) -> None:
        other = client().verify.v2.services("VA" + "c" * 32).verifications.create(to=TO, channel="sms")
        assert other.sid != send().sid

    def test_the_services_name_is_in_the_message(self) -> None:
        send(custom_friendly_name="Owl Bank")
        assert "Owl Bank" in messages.delivered(TO)[0]["body"]

    @pytest.mark.parametrize(
        ("to", "channel"),
        [
            ("12025550143", "sms"),
            ("+1202", "sms"),
            ("x", "sms"),
            ("a@example.com", "sms"),
            (TO, "email"),
            (TO, "pigeon"),
        ],
    )
    def test_an_invalid_parameter_is_refused(self, to: str, channel: str) -> None:
        assert refused(lambda: send(to, channel)) == (60200, 400)


class TestCheck:
    def test_the_right_code_approves_once(self) -> None:
        sid = send().sid
        answer = check(messages.last_code(TO), verification_sid=sid)
        assert (answer.status, answer.valid, answer.sid) == ("approved", True, sid)
        assert refused(lambda: check(messages.last_code(TO), verification_sid=sid)) == (20404, 404)
        assert refused(lambda: check(messages.last_code(TO))) == (20404, 404)

    def test_a_wrong_code_is_not_an_error(self) -> None:
        send()
        answer = check(wrong_code(messages.last_code(TO)))
        assert (answer.status, answer.valid) == ("pending", False)

    def test_the_sixth_check_is_refused_even_with_the_right_code(self) -> None:
        send()
        code = messages.last_code(TO)
        for _ in range(5):
            check(wrong_code(code))
        assert refused(lambda: check(code)) == (60202, 429)

    def test_an_expired_code_is_not_found(self) -> None:
        send()
        code = messages.last_code(TO)
        pass_time(601)
        assert refused(lambda: check(code)) == (20404, 404)
        assert SandboxVerification.objects.get().status == "expired"

    def test_a_canceled_code_is_not_found(self) -> None:
        sid = send().sid
        assert service().verifications(sid).update(status="canceled").status == "canceled"
        assert refused(lambda: check(messages.last_code(TO))) == (20404, 404)

    def test_a_verification_can_be_approved_by_an_update(self) -> None:
        sid = send().sid
        assert service().verifications(sid).update(status="approved").status == "approved"

    def test_a_pending_verification_can_be_fetched(self) -> None:
        sid = send().sid
        assert service().verifications(sid).fetch().sid == sid
        assert service().verifications(TO).fetch().sid == sid


class TestAccount:
    def test_a_wrong_password_is_refused(self) -> None:
        assert refused(lambda: client("invalid").verify.v2.services(SERVICE).fetch()) == (20003, 401)

    def test_an_unknown_service_is_not_found(self) -> None:
        unknown = service("VA" + "0" * 32)
        assert refused(lambda: unknown.verifications.create(to=TO, channel="sms")) == (20404, 404)

    def test_a_service_has_the_code_length(self, settings: Any) -> None:
        settings.TWILIO_2FA_TOKEN_LENGTH = 4
        assert service().fetch().code_length == 4
        send()
        assert len(messages.last_code(TO)) == 4


class TestLookup:
    @pytest.mark.parametrize(
        ("number", "line_type"),
        [
            (TO, "mobile"),
            ("+12025550150", "landline"),
            ("+12025550151", "nonFixedVoip"),
            ("+12025550152", None),
        ],
    )
    def test_lookup_v2_has_the_line_type(self, number: str, line_type: str | None) -> None:
        answer = (
            client().lookups.v2.phone_numbers(number).fetch(fields="line_type_intelligence,sms_pumping_risk")
        )
        assert answer.valid
        assert answer.line_type_intelligence["type"] == line_type
        assert answer.sms_pumping_risk["number_blocked"] is False

    def test_lookup_v2_says_that_a_number_is_invalid(self) -> None:
        answer = client().lookups.v2.phone_numbers("+12025").fetch()
        assert (answer.valid, answer.validation_errors) == (False, ["INVALID_BUT_POSSIBLE"])

    def test_lookup_v1_has_the_carrier(self) -> None:
        answer = client().lookups.v1.phone_numbers("+12025550151").fetch(type=["carrier"])
        assert answer.carrier["type"] == "voip"
        assert refused(lambda: client().lookups.v1.phone_numbers("+12025").fetch()) == (20404, 404)


FAULTS = [m for m in MAGIC.values() if m.on]


@pytest.mark.parametrize("magic", FAULTS, ids=lambda m: f"{m.code}-{m.to}")
def test_a_magic_destination_causes_the_documented_error(magic: Magic) -> None:
    channel = magic.channels[0] if magic.channels else "email" if "@" in magic.to else "sms"
    if magic.on == "send":
        assert refused(lambda: send(magic.to, channel)) == (magic.code, CODES[magic.code][0])
    elif magic.on == "check":
        send(magic.to, channel)
        assert refused(lambda: check("123456", to=magic.to)) == (magic.code, CODES[magic.code][0])
    else:
        lookup = client().lookups.v2.phone_numbers(magic.to)
        assert refused(lambda: lookup.fetch(fields="line_type_intelligence")) == (
            magic.code,
            CODES[magic.code][0],
        )


def test_a_magic_landline_receives_calls() -> None:
    assert send("+12025550150", "call").status == "pending"


@needs_spec
def test_every_answer_is_as_twilio_describes() -> None:
    # `conftest` validates every answer. This test gets one of each route.
    sid = send(amount="39.99", payee="Owl Bank").sid
    check(wrong_code(messages.last_code(TO)))
    service().verifications(sid).fetch()
    service().verifications(sid).update(status="canceled")
    service().fetch()
    client().lookups.v1.phone_numbers(TO).fetch(type=["carrier"])
    client().lookups.v2.phone_numbers(TO).fetch(fields="line_type_intelligence,sms_pumping_risk")


@needs_spec
def test_answers_that_differ_from_the_description_are_found() -> None:
    path = f"/v2/Services/{SERVICE}/Verifications"
    with pytest.raises(AssertionError):
        openapi.assert_request("POST", path, {"To": TO, "Channel": "sms", "Pigeon": "1"})
    with pytest.raises(AssertionError):
        openapi.assert_answer("POST", path, 201, {})
    with pytest.raises(AssertionError):
        openapi.assert_answer("POST", path, 201, {**_body(), "valid": "no"})


def _body() -> dict[str, Any]:
    from django_twilio_2fa.sandbox.resources.verifications import verification_body

    send()
    return verification_body(SandboxVerification.objects.get())


@given(
    to=st.text(max_size=40), channel=st.sampled_from(["sms", "email", "call", ""]), code=st.text(max_size=12)
)
def test_any_request_to_the_sandbox_is_answered(to: str, channel: str, code: str) -> None:
    for action in (lambda: send(to, channel), lambda: check(code, to=to)):
        try:
            action()
        except TwilioRestException as e:
            status = e.status
        else:
            status = 400
        assert 400 <= status < 500 or (to in MAGIC and status == 503)


class TestInUse:
    def test_the_sandbox_refuses_to_work_without_debug(self, settings: Any) -> None:
        settings.TWILIO_2FA_SANDBOX_WITHOUT_DEBUG = False
        with pytest.raises(ImproperlyConfigured):
            send()
        settings.DEBUG = True
        assert send().status == "pending"

    def test_the_sandbox_client_keeps_no_request_or_answer(self) -> None:
        http = SandboxHttpClient()
        Client("AC" + "b" * 32, "secret", http_client=http).verify.v2.services(SERVICE).verifications.create(
            to=TO, channel="sms"
        )
        assert TO not in str(vars(http))
        assert http._test_only_last_request is None

    @pytest.mark.parametrize("path", ["/sandbox/", "/sandbox/messages.json", "/sandbox/?fragment=1"])
    @pytest.mark.parametrize(
        "off", [{"TWILIO_2FA_SANDBOX": False}, {"TWILIO_2FA_SANDBOX_WITHOUT_DEBUG": False}]
    )
    def test_the_pages_of_an_unused_sandbox_are_not_found(
        self, client: Any, settings: Any, path: str, off: dict[str, bool]
    ) -> None:
        assert client.get(path).status_code == 200
        for name, value in off.items():
            setattr(settings, name, value)
        assert client.get(path).status_code == 404


class TestHandset:
    def test_the_handset_shows_the_newest_message_first(self, client: Any) -> None:
        send()
        send("+12025550147", "whatsapp")
        rows = client.get("/sandbox/messages.json").json()
        assert [r["channel"] for r in rows] == ["whatsapp", "sms"]
        assert set(rows[0]) == {"to", "channel", "code", "body", "locale", "sent_at", "verification_sid"}
        html = client.get("/sandbox/?fragment=1").content.decode()
        assert html.index("+12025550147") < html.index(TO)

    def test_the_handset_can_show_one_recipient(self, client: Any) -> None:
        send()
        send("+12025550147")
        assert [r["to"] for r in client.get("/sandbox/messages.json", {"to": TO}).json()] == [TO]
        assert "+12025550147" not in client.get("/sandbox/", {"to": TO}).content.decode()

    def test_the_handset_escapes_messages(self, client: Any) -> None:
        send(custom_friendly_name="<script>alert(1)</script>")
        assert "<script>alert" not in client.get("/sandbox/").content.decode()
        assert "<b>" not in client.get("/sandbox/", {"to": "<b>"}).content.decode()

    def test_the_handset_accepts_no_post(self, client: Any) -> None:
        assert client.post("/sandbox/").status_code == 405
