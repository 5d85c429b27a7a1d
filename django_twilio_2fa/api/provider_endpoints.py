"""The endpoints of methods, in the API and its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..process import endpoints
from ..providers import Endpoint
from ..providers.endpoints import LONGEST_TEXT
from ..providers.installed import get_providers
from .endpoint import EndpointView
from .schema import documented
from .serializers import Words

FIELDS: dict[type, Any] = {
    str: serializers.CharField,
    int: serializers.IntegerField,
    bool: serializers.BooleanField,
    dict: serializers.DictField,
    list: lambda **told: serializers.ListField(child=serializers.DictField(), **told),
}


class ProviderEndpointView(EndpointView):
    """Base of the endpoints of methods. The values in the request authenticate the caller."""

    endpoint: Endpoint

    def get_permissions(self) -> list[Any]:
        # The site's permission classes may require a user.
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # No verifier: the caller does not have to be signed in.
        APIView.initial(self, request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(response.data, dict) and isinstance(response.data.get("data"), dict):
            response.data["data"].update(self.endpoint.always())
        return response


def view_of(method: str, endpoint: Endpoint) -> type[ProviderEndpointView]:
    """Return the view of an endpoint, with its description."""
    named = f"{method}_{endpoint.name}".title().replace("_", "").replace("-", "")
    takes: Any = type(
        f"{named}RequestSerializer",
        (serializers.Serializer,),
        {name: Words(max_length=LONGEST_TEXT, help_text=help) for name, help in endpoint.takes.items()},
    )
    returns: Any = type(
        f"{named}Serializer",
        (serializers.Serializer,),
        {
            name: FIELDS[value.type](help_text=value.help, required=not value.optional)
            for name, value in endpoint.returns.items()
        },
    )
    own = endpoint

    class View(ProviderEndpointView):
        endpoint = own

        @documented(takes=takes, answers=returns)
        def post(self, request: Request) -> Response:
            values = self.validated(takes)
            told = endpoints.answer(own, values, method=method, request=request._request)
            return Response({**told, **own.always()})

    View.post.__doc__ = endpoint.help
    View.__name__ = View.__qualname__ = f"{named}View"
    return View


def patterns() -> Iterator[URLPattern]:
    """Yield the URL patterns of the endpoints of all methods."""
    for method, provider in get_providers().items():
        for endpoint in provider.get_endpoints():
            name = f"{method}_{endpoint.name}"
            yield path(f"{method}/{endpoint.name}/", view_of(method, endpoint).as_view(), name=name)
