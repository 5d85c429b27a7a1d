"""The OpenAPI description, if drf-spectacular is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..conf import conf
from .serializers import ErrorSerializer

ERROR_STATUSES = (400, 401, 403, 404, 409, 415, 429, 503)


def documented(
    *,
    takes: Any = None,
    answers: Any = None,
    operation_id: str | None = None,
    serves_unauthenticated: bool = False,
) -> Callable[..., Any]:
    """Describe the request and the responses of an endpoint. Does nothing without drf-spectacular.

    `operation_id`: needed if drf-spectacular would give two operations the same ID.
    `serves_unauthenticated`: it also serves users who are named and not signed in, if the settings allow it.
    """
    try:
        from drf_spectacular.utils import OpenApiParameter, extend_schema
    except ImportError:
        return lambda view: view
    responses = {200: answers, **dict.fromkeys(ERROR_STATUSES, ErrorSerializer)}
    wait = OpenApiParameter(
        "Retry-After",
        int,
        OpenApiParameter.HEADER,
        description="Seconds until the request may be tried again, if known.",
        response=[429],
    )
    named = OpenApiParameter(
        conf.UNAUTHENTICATED_QUERY_PARAM,
        str,
        description="The user who has not signed in: the primary key, or the field named in the settings.",
    )
    parameters = [wait, named] if serves_unauthenticated and conf.ALLOW_UNAUTHENTICATED_USERS else [wait]
    decorate: Callable[..., Any] = extend_schema(
        operation_id=operation_id, request=takes, responses=responses, parameters=parameters
    )
    return decorate
