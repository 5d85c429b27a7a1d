"""Settings of the API, and of verifications without a user."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ..people import PHONE, Person
from .shows import shows


def sends(client: Client, **values: Any) -> Any:
    return client.post("/api/2fa/send/", values, content_type="application/json")


@shows("ALLOW_USERLESS")
class TestForNobody:
    @pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 401), (lambda: True, 200)])
    def test_allow_userless_lets_a_number_be_verified_without_a_user(
        self, db: None, settings: Any, allowed: Any, status: int
    ) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = allowed
        assert sends(Client(), method="sms", phone_number=PHONE).status_code == status

    def test_a_failing_callback_allows_no_userless_verification(self, db: None, settings: Any) -> None:
        def fails() -> None:
            raise RuntimeError

        settings.TWILIO_2FA_ALLOW_USERLESS = fails
        assert sends(Client(), method="sms", phone_number=PHONE).status_code == 401


@shows("API_CLASSES")
class TestClasses:
    @pytest.mark.parametrize(
        ("name", "status"), [("IsAuthenticated", 200), ("IsAdminUser", 403), ("AllowAny", 200)]
    )
    def test_api_classes_can_have_a_permission_of_the_site(
        self, sam: Person, settings: Any, name: str, status: int
    ) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"permission": f"rest_framework.permissions.{name}"}
        assert sends(sam.client, method="sms").status_code == status


@shows("ALLOW_UNAUTHENTICATED_USERS", "UNAUTHENTICATED_QUERY_PARAM", "UNAUTHENTICATED_USER_FIELD")
class TestNamedUsers:
    """Callers that name a user. `attacks/test_unauthenticated.py` tests what such callers can learn."""

    @pytest.mark.parametrize(
        ("allowed", "param", "field", "query", "status"),
        [
            (True, "user_id", "pk", "user_id={pk}", 200),
            (True, "who", "username", "who=sam", 200),
            (True, "who", "username", "user_id={pk}", 400),
            (False, "user_id", "pk", "user_id={pk}", 401),
        ],
    )
    def test_allow_unauthenticated_users_lets_callers_name_a_user(
        self, sam: Person, settings: Any, allowed: bool, param: str, field: str, query: str, status: int
    ) -> None:
        settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = allowed
        settings.TWILIO_2FA_UNAUTHENTICATED_QUERY_PARAM = param
        settings.TWILIO_2FA_UNAUTHENTICATED_USER_FIELD = field
        told = {"content_type": "application/json", "QUERY_STRING": query.format(pk=sam.user.pk)}
        assert Client().post("/api/2fa/send/", {"method": "sms"}, **told).status_code == status
        assert sam.has_got() == (1 if status == 200 else 0)
