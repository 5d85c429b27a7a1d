"""The strict policy under which every page of the kit has to work."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'self'; img-src 'self' data:"


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's own pages about faults, shown while debugging, are styled inline.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response["Content-Security-Policy"] = POLICY
        return response
