"""The OpenAPI description, where drf-spectacular is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .serializers import ErrorSerializer

FAULTS = (400, 401, 403, 404, 409, 415, 429, 503)


def described(
    *, takes: Any = None, answers: Any = None, status: int = 200, **more: Any
) -> Callable[..., Any]:
    """Says what an endpoint takes and answers; nothing without drf-spectacular."""
    try:
        from drf_spectacular.utils import extend_schema
    except ImportError:
        return lambda view: view
    responses = {status: answers, **dict.fromkeys(FAULTS, ErrorSerializer)}
    decorate: Callable[..., Any] = extend_schema(request=takes, responses=responses, **more)
    return decorate
