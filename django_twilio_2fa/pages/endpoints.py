"""The endpoints of methods, which the scripts of their pages call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .. import errors
from ..process import endpoints
from ..process.tables import outside_host_transaction
from ..providers import Endpoint, MethodProvider
from ..providers.endpoints import LONGEST_TEXT

LONGEST_BODY = 2 * LONGEST_TEXT


def patterns(provider: MethodProvider) -> Iterable[URLPattern]:
    """Yield the URL patterns of a method's endpoints."""
    for endpoint in provider.get_endpoints():
        yield path(f"{endpoint.name}/", _view(provider.name, endpoint), name=endpoint.name)


def _view(method: str, endpoint: Endpoint) -> Any:
    @csrf_exempt
    @never_cache
    @xframe_options_deny
    @require_POST
    def view(request: HttpRequest) -> HttpResponse:
        headers = {}
        try:
            values = _read(request)
            told, status = endpoints.answer(endpoint, values, method=method, request=request), 200
        except errors.TwoFactorError as e:
            told, status = {"error_code": e.full_code, "display": e.display}, e.status
            if wait := e.data.get("retry_after"):
                headers["Retry-After"] = str(wait)
        return JsonResponse({**told, **endpoint.always()}, status=status, headers=headers)

    return outside_host_transaction(view)


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        found = json.loads(request.body) if len(request.body) <= LONGEST_BODY else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise errors.MalformedRequest
    return found
