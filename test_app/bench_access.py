"""Measure what the middleware adds to a request of a verified user: `make bench ARGS=--access`.

The same request goes through Django's session and authentication middleware, without and with
`TwoFactorMiddleware`. All variants take turns in one process. The lower quartiles of many rounds are
subtracted, because other load on the machine affects only the slower rounds. The user is in memory, and the
session is in Django's local-memory cache, so no query blurs the result.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

ROUNDS, REQUESTS = 400, 50
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "django_twilio_2fa.middleware.TwoFactorMiddleware"
LIMITS = {"ignored": 3.0, "read": 15.0, "required": 15.0}
"""The most microseconds that each may take."""


def ignores(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def reads_the_user(request: HttpRequest) -> HttpResponse:
    assert request.user.is_authenticated
    return HttpResponse()


def reads_the_state(request: Any) -> HttpResponse:
    assert request.user.is_authenticated
    assert request.two_factor.verified
    return HttpResponse()


class KnownUserBackend:
    """An authentication backend that returns users from memory."""

    known: dict[Any, Any] = {}

    def authenticate(self, request: Any, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: Any) -> Any:
        return self.known[user_id]


def handler(*middleware: str) -> Callable[[HttpRequest], Any]:
    """Return Django's request handler with this middleware."""
    from django.core.handlers.base import BaseHandler
    from django.test import override_settings

    made = BaseHandler()
    with override_settings(MIDDLEWARE=[*middleware]):
        made.load_middleware()
    return made.get_response


def measure(user: Any, rounds: int = ROUNDS, requests: int = REQUESTS) -> dict[str, float]:
    """Return what the middleware adds to a request of a verified user, in microseconds.

    `ignored`: a view that does not use it. `read`: a view that reads `request.two_factor.verified`.
    `required`: a view if all users have to verify.
    """
    from django.test import Client, RequestFactory, override_settings
    from django.urls import path

    from django_twilio_2fa.testing import verify

    KnownUserBackend.known[user.pk] = user
    told = {
        "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
        "AUTHENTICATION_BACKENDS": [f"{__name__}.KnownUserBackend"],
        "ROOT_URLCONF": tuple(path(f"{v.__name__}/", v) for v in (ignores, reads_the_user, reads_the_state)),
    }
    with override_settings(**told):
        django, with_ours = (SESSIONS, AUTHENTICATION), (SESSIONS, AUTHENTICATION, OURS)
        # Name: the variant to subtract, the middleware, the view, and whether all users have to verify.
        variants: dict[str, tuple[str, Any, Any, Any]] = {
            "ignored before": ("", handler(*django), ignores, None),
            "ignored": ("ignored before", handler(*with_ours), ignores, None),
            "read before": ("", handler(*django), reads_the_user, None),
            "read": ("read before", handler(*with_ours), reads_the_state, None),
            "required": ("read before", handler(*with_ours), reads_the_user, True),
        }
        took: dict[str, list[float]] = {name: [] for name in variants}
        client = Client()
        client.force_login(user)
        verify(client)
        cookie = client.cookies["sessionid"].value
        make = RequestFactory(SERVER_NAME="localhost")
        collecting = gc.isenabled()
        gc.disable()
        try:
            for _ in range(rounds):
                for name, (_than, answer, view, required) in variants.items():
                    with override_settings(TWILIO_2FA_REQUIRED_CB=required):
                        made = [make.get(f"/{view.__name__}/") for _ in range(requests)]
                        for request in made:
                            request.COOKIES["sessionid"] = cookie
                        assert answer(made.pop()).status_code == 200
                        began = time.perf_counter()
                        for request in made:
                            answer(request)
                        took[name].append((time.perf_counter() - began) / len(made) * 1e6)
                gc.collect(0)
        finally:
            if collecting:
                gc.enable()
    usual = {name: statistics.quantiles(values, n=4)[0] for name, values in took.items()}
    return {name: usual[name] - usual[than] for name, (than, *_rest) in variants.items() if than}


def report(say: Callable[[str], None]) -> None:
    """Measure with a user of a database in memory, and print the results."""
    import os

    import django

    os.environ["DATABASE_URL"] = "sqlite://:memory:"
    os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings_test"
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("bench")
    say("TwoFactorMiddleware adds to a request of a verified user, in microseconds:")
    for name, added in measure(user).items():
        say(f"  {name:10} {added:6.1f}   (at most {LIMITS[name]:.0f})")
