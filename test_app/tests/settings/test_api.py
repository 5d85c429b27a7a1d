"""Settings of the API, and of what is verified for nobody."""

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
    def test_it_lets_a_number_be_verified_for_nobody(
        self, db: None, settings: Any, allowed: Any, status: int
    ) -> None:
        settings.TWILIO_2FA_ALLOW_USERLESS = allowed
        assert sends(Client(), method="sms", phone_number=PHONE).status_code == status

    def test_one_that_fails_lets_nobody(self, db: None, settings: Any) -> None:
        def fails() -> None:
            raise RuntimeError

        settings.TWILIO_2FA_ALLOW_USERLESS = fails
        assert sends(Client(), method="sms", phone_number=PHONE).status_code == 401


@shows("API_CLASSES")
class TestClasses:
    @pytest.mark.parametrize(
        ("name", "status"), [("IsAuthenticated", 200), ("IsAdminUser", 403), ("AllowAny", 200)]
    )
    def test_a_permission_of_the_sites_own(self, sam: Person, settings: Any, name: str, status: int) -> None:
        settings.TWILIO_2FA_API_CLASSES = {"permission": f"rest_framework.permissions.{name}"}
        assert sends(sam.client, method="sms").status_code == status
