"""Redirect signed-in users who are not verified from every page but the ones of this package."""

from datetime import datetime

from django.http import HttpResponseRedirect
from django.urls import reverse

from django_twilio_2fa.utils import *  # noqa: F403  sites imported it like this


class VerifiedOnlyMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view_func, view_args, view_kwargs):
        if URL_PREFIX in request.resolver_match.view_name:  # noqa: F405
            return None
        if not request.user.is_authenticated or self.is_fresh(request):
            return None
        start = reverse(f"{URL_PREFIX}:start")  # noqa: F405
        return HttpResponseRedirect(f"{start}?next={request.path}")

    def is_fresh(self, request):
        until = request.session.get("verified_until")
        return bool(until) and datetime.now() < datetime.strptime(until, DATEFMT)  # noqa: F405
