"""The API's OpenAPI description. `.ci/run` tests with schemathesis that responses conform to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator

from django_twilio_2fa.api.schema import documented
from django_twilio_2fa.api.serializers import SendSerializer, SentSerializer
from django_twilio_2fa.api.views import SendView

from ..people import Person
from .test_api import Caller


def description() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def test_the_schema_is_openapi_3_1_and_has_every_endpoint() -> None:
    told = description()
    assert told["openapi"].startswith("3.1")
    assert {path.removeprefix("/api/2fa") for path in told["paths"] if "/2fa/" in path} == {
        "/send/",
        "/verify/",
        "/log-in/begin/",
        "/log-in/",
        "/cancel/",
        "/verification-methods/",
        "/set-phone-number/",
        "/set-email/",
        "/register/",
        "/devices/",
        "/devices/{device}/",
        "/browsers/",
        "/browsers/{browser}/",
        "/activity/",
        "/push/pending/",
        "/push/answer/",
        "/push/subscribe/",
    }


def test_the_schema_has_the_errors_of_each_endpoint() -> None:
    for address, verbs in description()["paths"].items():
        if "/2fa/" not in address:
            continue
        for verb, told in verbs.items():
            for status in ("400", "401", "403", "404", "409", "429", "503"):
                shape = told["responses"][status]["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/Error"}, (address, verb, status)


def test_each_operation_has_a_unique_name() -> None:
    # The generator appends a number to a duplicate name, and warns.
    told = [each["operationId"] for verbs in description()["paths"].values() for each in verbs.values()]
    assert not [name for name in told if name[-1].isdigit()]


@pytest.mark.parametrize("token", [False, True])
def test_an_undocumented_http_method_is_not_allowed(sam: Person, token: bool) -> None:
    caller = Caller("sam", token=token)
    for address, verbs in description()["paths"].items():
        if "/2fa/" not in address:
            continue
        for verb in {"get", "post", "put", "patch", "delete", "trace"} - set(verbs):
            url = address.replace("{device}", "1").replace("{browser}", "1")
            answer = getattr(caller.client, verb)(url, **caller.headers)
            assert answer.status_code == 405, (verb, address)


def test_the_demo_serves_the_schema(db: None) -> None:
    assert b"openapi: 3.1" in Client().get("/api/schema/").content


def test_the_schema_has_retry_after() -> None:
    for address, verbs in description()["paths"].items():
        if "/2fa/" in address:
            for told in verbs.values():
                assert told["responses"]["429"]["headers"]["Retry-After"]["schema"] == {"type": "integer"}


@pytest.mark.parametrize("allowed", [True, False])
def test_the_schema_says_how_to_name_an_unauthenticated_user(settings: Any, allowed: bool) -> None:
    settings.TWILIO_2FA_ALLOW_UNAUTHENTICATED_USERS = allowed
    settings.TWILIO_2FA_UNAUTHENTICATED_QUERY_PARAM = "who"

    class View(SendView):
        @documented(takes=SendSerializer, answers=SentSerializer, serves_unauthenticated=True)
        def post(self, request: Any) -> Any: ...

    told = SchemaGenerator(patterns=[path("send/", View.as_view())]).get_schema(request=None, public=True)
    named = [p["name"] for p in told["paths"]["/send/"]["post"].get("parameters", []) if p["in"] == "query"]
    assert named == (["who"] if allowed else [])
