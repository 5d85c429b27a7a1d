"""Answer a request to an endpoint of a method, within its limits."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .. import errors
from ..models import contention
from ..providers import Endpoint
from . import rate_limits
from .database import recording
from .limit_rows import LimitReached, RateLimit

UNPROVEN = "unproven_requests_per_client"


@recording()
def answer(
    endpoint: Endpoint, values: dict[str, str], *, method: str, request: HttpRequest
) -> dict[str, Any]:
    """Return the response of an endpoint. Raises its errors, and `TwilioRateLimited` if a limit is reached.

    A request counts for a caller only if the caller is proven, so nobody can use up the requests of others.
    """
    try:
        proven = endpoint.prove(values)
    except errors.TwoFactorError:
        address = rate_limits.client_address(request, None)
        _count(rate_limits.limits_for(UNPROVEN, address) if address else [])
        raise
    _count(rate_limits.limits_for(endpoint.limit, method, proven.by))
    return endpoint.answer(request, proven)


def _count(counts: list[RateLimit]) -> None:
    try:
        contention.durably(rate_limits.consume, counts)
    except LimitReached as e:
        raise errors.TwilioRateLimited(retry_after=e.retry_after) from None
