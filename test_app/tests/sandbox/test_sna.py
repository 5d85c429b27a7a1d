"""Silent Network Auth and the channel `auto`, as Twilio documents them for pilots."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client

from django_twilio_2fa.sandbox import messages

from .asking import SERVICE, TO, Answer, get, post

pytestmark = pytest.mark.django_db

UNABLE = "+12025550176"


def send(to: str = TO, channel: str = "sna", **values: str) -> Answer:
    return post(f"{SERVICE}/Verifications", {"To": to, "Channel": channel, **values})


def check(to: str = TO, **values: str) -> Answer:
    return post(f"{SERVICE}/VerificationCheck", {"To": to, **values})


def opens(client: Client, answer: Answer) -> dict[str, str]:
    """Open the address as the phone does, and return the values of the answer."""
    path = answer["sna"]["url"].removeprefix("https://verify.twilio.com")
    found = client.get(path)
    assert found.status_code == 200
    return {name: values[0] for name, values in parse_qs(found.content.decode()).items()}


def errors(answer: Answer) -> list[int]:
    return [error["code"] for error in answer["sna_attempts_error_codes"]]


def test_a_phone_that_opened_the_address_is_approved(client: Client) -> None:
    sent = send()
    assert (sent["channel"], sent["status"]) == ("sna", "pending")
    assert opens(client, sent) == {
        "ErrorCode": "0",
        "ErrorDescription": "Success",
        "Carrier": "Sandbox Telecom",
    }
    answer = check()
    assert (answer["status"], answer["channel"], errors(answer)) == ("approved", "sna", [])


def test_nothing_is_approved_before_the_phone_opens_the_address() -> None:
    sent = send()
    answer = check()
    assert (answer["status"], errors(answer)) == ("pending", [60519])
    [error] = answer["sna_attempts_error_codes"]
    assert error["attempt_sid"] == sent["send_code_attempts"][0]["attempt_sid"]


def test_a_carrier_that_takes_no_part_is_an_error(client: Client) -> None:
    assert opens(client, send(UNABLE))["ErrorCode"] != "0"
    answer = check(UNABLE)
    assert (answer["status"], errors(answer)) == ("pending", [60510])
    assert [m["channel"] for m in messages.delivered(UNABLE)] == ["sna"]


def test_a_client_token_has_to_be_given_back(client: Client) -> None:
    token = opens(client, send(EnableSnaClientToken="true"))["ClientToken"]
    assert errors(check()) == errors(check(SnaClientToken="other")) == [60520]
    assert check(SnaClientToken=token)["status"] == "approved"


def test_an_address_is_good_for_one_pending_verification(client: Client) -> None:
    sent = send()
    opens(client, sent)
    check()
    path = sent["sna"]["url"].removeprefix("https://verify.twilio.com")
    assert client.get(path).status_code == 404
    assert client.get("/sandbox/sna/unknown").status_code == 404


def test_the_code_of_a_silent_authentication_is_not_shown() -> None:
    send()
    assert messages.last(TO)["code"] == ""


def test_the_handset_has_a_link_that_opens_the_address(client: Client) -> None:
    sent = send()
    [link] = re.findall(r'href="(sna/[^"]+)"', client.get("/sandbox/").content.decode())
    assert sent["sna"]["url"].endswith(f"/sandbox/{link}")
    assert client.get(f"/sandbox/{link}").status_code == 200


def test_a_check_without_a_code_is_for_silent_authentication() -> None:
    send(channel="sms")
    assert check().code == 60200


class TestAuto:
    def test_a_mobile_number_is_authenticated_silently(self, client: Client) -> None:
        sent = send(channel="auto", DeviceIp="192.0.2.1")
        assert sent["channel"] == "sna"
        opens(client, sent)
        assert check()["status"] == "approved"

    def test_an_unsupported_number_gets_a_text_message(self) -> None:
        assert send(UNABLE, "auto")["channel"] == "sms"
        assert send("+12025550151", "auto")["channel"] == "sms"
        assert check(UNABLE, Code=messages.last_code(UNABLE))["status"] == "approved"

    def test_the_second_send_is_a_text_message(self) -> None:
        first, second = send(channel="auto"), send(channel="auto")
        assert (second["sid"], second["channel"], second["sna"]) == (first["sid"], "sms", None)
        assert check(Code=messages.last_code(TO))["status"] == "approved"

    def test_a_failed_silent_authentication_sends_a_text_message(
        self, client: Client, monkeypatch: Any
    ) -> None:
        from django_twilio_2fa.sandbox import magic

        sent = send(channel="auto")
        # The phone has no mobile data, although its carrier takes part.
        monkeypatch.setitem(magic.MAGIC, TO, magic.Magic(TO, "", sna=False))
        assert opens(client, sent)["ErrorCode"] != "0"
        assert get(f"{SERVICE}/Verifications/{sent['sid']}")["channel"] == "sms"
        assert check(Code=messages.last_code(TO))["status"] == "approved"


def test_attempts_do_not_list_silent_authentications() -> None:
    send()
    assert get("/v2/Attempts")["attempts"] == []
