"""Attempts, which show the messages that converted, and the safe list of numbers that are not blocked."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_2fa.sandbox import messages

from ..clock import pass_time
from .asking import SERVICE, TO, ask, created, delete, get, post

pytestmark = pytest.mark.django_db

OTHER = "+442079460123"


def send(to: str = TO, channel: str = "sms", service: str = SERVICE, **values: str) -> Any:
    return post(f"{service}/Verifications", {"To": to, "Channel": channel, **values})


def check(to: str = TO, code: str = "", service: str = SERVICE, **values: str) -> Any:
    return post(f"{service}/VerificationCheck", {"To": to, "Code": code or messages.last_code(to), **values})


class TestAttempts:
    def test_the_last_message_of_an_approved_verification_converted(self) -> None:
        send()
        send(channel="call")
        check()
        send(OTHER)
        found = get("/v2/Attempts")["attempts"]
        assert [(a["channel"], a["conversion_status"]) for a in found] == [
            ("sms", "unconverted"),
            ("call", "converted"),
            ("sms", "unconverted"),
        ]
        assert found[0]["channel_data"]["country"] == "GB"
        summary = get("/v2/Attempts/Summary").body
        assert (summary["total_attempts"], summary["total_converted"]) == (3, 1)
        assert summary["conversion_rate_percentage"] == "33.333333333"

    @pytest.mark.parametrize(
        ("filters", "n"),
        [
            ({"Channel": "CALL"}, 1),
            ({"Country": "GB"}, 1),
            ({"Status": "converted"}, 1),
            ({"ChannelData.To": TO}, 2),
            ({"VerifyServiceSid": "VA" + "9" * 32}, 0),
            ({"VerificationSid": "VE" + "9" * 32}, 0),
            ({"DateCreatedAfter": "2100-01-01T00:00:00Z"}, 0),
            ({"DateCreatedBefore": "2100-01-01T00:00:00Z"}, 3),
        ],
    )
    def test_attempts_are_filtered(self, filters: dict[str, str], n: int) -> None:
        send()
        send(channel="call")
        check()
        send(OTHER)
        assert len(get("/v2/Attempts", **filters)["attempts"]) == n

    def test_a_summary_is_filtered(self) -> None:
        send()
        send(OTHER)
        assert get("/v2/Attempts/Summary", DestinationPrefix="+44")["total_attempts"] == 1
        assert get("/v2/Attempts/Summary", Country="FR")["conversion_rate_percentage"] == "0"

    def test_another_account_sees_no_attempts(self) -> None:
        send()
        assert ask("GET", "/v2/Attempts", auth=("AC" + "9" * 32, "x"))["attempts"] == []

    def test_an_attempt_expires(self) -> None:
        send()
        pass_time(601)
        assert get("/v2/Attempts")["attempts"][0]["channel_data"]["status"] == "expired"


class TestSafeList:
    @pytest.mark.parametrize("number", ["+12025550169", "+12025550171"])
    def test_a_number_on_the_safe_list_is_not_blocked(self, number: str) -> None:
        assert send(number).status == 403
        first = created("/v2/SafeList/Numbers", {"PhoneNumber": number})
        assert created("/v2/SafeList/Numbers", {"PhoneNumber": number}) == first
        assert send(number).status == 201
        assert delete(f"/v2/SafeList/Numbers/{number}").status == 204
        assert get(f"/v2/SafeList/Numbers/{number}").code == 20404

    def test_the_safe_list_does_not_prevent_an_outage(self) -> None:
        created("/v2/SafeList/Numbers", {"PhoneNumber": "+12025550160"})
        assert send("+12025550160").code == 20503
        assert post("/v2/SafeList/Numbers", {"PhoneNumber": "x"}).code == 60200
