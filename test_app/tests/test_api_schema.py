"""The API's OpenAPI description. That it is kept, whatever comes in, `.ci/run` tries with schemathesis."""

from __future__ import annotations

from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator


def description() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def test_it_is_openapi_3_1_and_describes_every_endpoint() -> None:
    told = description()
    assert told["openapi"].startswith("3.1")
    assert {path.removeprefix("/api/2fa") for path in told["paths"] if "/2fa/" in path} == {
        "/send/",
        "/verify/",
        "/cancel/",
        "/verification-methods/",
        "/set-phone-number/",
        "/set-email/",
        "/devices/",
        "/devices/{device}/",
    }


def test_the_shape_of_errors_is_described_at_each() -> None:
    for path, verbs in description()["paths"].items():
        if "/2fa/" not in path:
            continue
        for verb, told in verbs.items():
            for status in ("400", "401", "403", "404", "409", "429", "503"):
                shape = told["responses"][status]["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/Error"}, (path, verb, status)


def test_it_is_served(db: None) -> None:
    assert b"openapi: 3.1" in Client().get("/api/schema/").content
