"""Rate limits of a service limit its sends."""

from __future__ import annotations

from typing import Any

import pytest

from ..clock import pass_time
from .asking import SERVICE, Answer, created, delete, get, post

pytestmark = pytest.mark.django_db

LIMITS = f"{SERVICE}/RateLimits"


@pytest.fixture
def limit() -> str:
    return f"{LIMITS}/{created(LIMITS, {'UniqueName': 'address'})['sid']}"


def bucket(limit: str, most: int, interval: int) -> str:
    values = {"Max": str(most), "Interval": str(interval)}
    return f"{limit}/Buckets/{created(f'{limit}/Buckets', values)['sid']}"


def send(n: int, limits: str = '{"address": "192.0.2.1"}') -> Answer:
    values = {"To": f"+1202555010{n}", "Channel": "sms", "RateLimits": limits}
    return post(f"{SERVICE}/Verifications", values)


class TestLimit:
    def test_a_full_bucket_refuses_a_send(self, limit: str) -> None:
        bucket(limit, 2, 60)
        assert [send(n).status for n in range(3)] == [201, 201, 429]
        refused = send(4)
        assert refused.code == 20429
        assert refused.headers["Twilio-Reached-Rate-Limit"] == "address"
        assert 0 < int(refused.headers["Retry-After"]) <= 60

    def test_each_value_is_counted_separately(self, limit: str) -> None:
        bucket(limit, 1, 60)
        assert send(1).status == send(2, '{"address": "192.0.2.2"}').status == 201
        assert send(3).status == 429

    def test_a_bucket_is_empty_after_its_interval(self, limit: str) -> None:
        bucket(limit, 1, 60)
        send(1)
        pass_time(59)
        assert send(2).status == 429
        pass_time(2)
        assert send(2).status == 201

    def test_every_bucket_of_a_limit_applies(self, limit: str) -> None:
        bucket(limit, 5, 60)
        bucket(limit, 1, 3600)
        send(1)
        pass_time(61)
        assert send(2).status == 429

    def test_a_send_without_the_limit_is_not_counted(self, limit: str) -> None:
        bucket(limit, 1, 60)
        assert [send(n, limits).status for n, limits in enumerate(("", "{}", '{"other": "x"}'))] == [201] * 3
        assert send(3).status == 201

    def test_a_changed_bucket_limits_by_its_new_values(self, limit: str) -> None:
        one = bucket(limit, 1, 60)
        send(1)
        assert post(one, {"Max": "2"})["max"] == 2
        assert send(2).status == 201
        assert delete(one).status == 204
        assert send(3).status == 201

    def test_limits_that_are_not_a_json_object_are_refused(self, limit: str) -> None:
        assert send(1, "[1]").code == send(1, "x").code == 60200


class TestResources:
    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({}, 60200),
            ({"UniqueName": "with space"}, 60209),
            ({"UniqueName": "address"}, 60208),
            ({"UniqueName": "x", "Description": "d" * 257}, 60200),
        ],
    )
    def test_an_invalid_rate_limit_is_refused(self, limit: str, values: dict[str, str], code: int) -> None:
        assert post(LIMITS, values).code == code

    @pytest.mark.parametrize(
        "values", [{}, {"Max": "1"}, {"Max": "0", "Interval": "1"}, {"Max": "x", "Interval": "1"}]
    )
    def test_an_invalid_bucket_is_refused(self, limit: str, values: dict[str, Any]) -> None:
        assert post(f"{limit}/Buckets", values).code == 60200

    def test_two_buckets_cannot_have_the_same_interval(self, limit: str) -> None:
        bucket(limit, 1, 60)
        other = bucket(limit, 1, 90)
        assert post(f"{limit}/Buckets", {"Max": "2", "Interval": "60"}).code == 60211
        assert post(other, {"Interval": "60"}).code == 60211
        assert post(other, {"Interval": "120"})["interval"] == 120

    def test_the_number_of_limits_and_buckets_is_limited(self, limit: str) -> None:
        for n in range(5):
            bucket(limit, 1, n + 1)
        assert post(f"{limit}/Buckets", {"Max": "1", "Interval": "99"}).code == 60210
        for n in range(9):
            created(LIMITS, {"UniqueName": f"n{n}"})
        assert post(LIMITS, {"UniqueName": "one-more"}).code == 60207

    def test_buckets_are_deleted_with_their_limit(self, limit: str) -> None:
        one = bucket(limit, 1, 60)
        assert delete(limit).status == 204
        assert get(one).code == get(f"{limit}/Buckets").code == 20404
