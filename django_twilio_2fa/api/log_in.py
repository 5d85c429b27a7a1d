"""The endpoints that log in without a password. They need a session, which an API token does not have."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import login
from django.middleware.csrf import get_token
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .. import errors, session
from ..process import passwordless, signing_in, wording
from . import serializers as shapes
from .endpoint import EndpointView
from .schema import documented


class LogInView(EndpointView):
    """Base of the endpoints that begin and finish a log-in. Visitors and signed-in users may call them."""

    def get_permissions(self) -> list[Any]:
        # The site's permission classes may require a user.
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # No verifier: there is no user yet.
        APIView.initial(self, request, *args, **kwargs)
        self.is_unauthenticated = False

    def require_session(self, request: Request) -> None:
        """Refuse a caller with a token, or without a session.

        The handlers call it, so that a verb without a handler gets a 405 first.
        """
        if request.auth is not None or not hasattr(request._request, "session"):
            raise errors.MethodNotAllowed


class BeginLogInView(LogInView):
    """Begin to log in without a password."""

    @documented(takes=None, answers=shapes.LogInBegunSerializer)
    def post(self, request: Request) -> Response:
        """Begin to log in without a password. Returns the ceremony, which is bound to the session."""
        self.require_session(request)
        begun = passwordless.begin(request._request)
        # Sets the cookie of the CSRF token that the next call has to send.
        get_token(request._request)
        return Response({"login_id": begun.id, "ceremony": begun.ceremony, "expires_in": begun.expires_in})


class FinishLogInView(LogInView):
    """Log in with the browser's answer."""

    @documented(takes=shapes.LogInSerializer, answers=shapes.VerifiedSerializer)
    def post(self, request: Request) -> Response:
        """Log in with the browser's answer to a ceremony. Needs the header of Django's CSRF protection."""
        self.require_session(request)
        SessionAuthentication().enforce_csrf(request)
        values = self.validated(shapes.LogInSerializer)
        http = request._request
        subject, row = passwordless.answer(http, values["login_id"], json.dumps(values["answer"]))
        signing_in.start_session(http, subject.user, subject.flow)
        login(http, subject.user, backend=subject.user.backend)
        session.remember(http, row)
        return Response(
            {
                "verified": True,
                "signed_in": True,
                "display": wording.message("verified", user=subject.user, request=http),
                "attempts": row.attempts,
                "sends": row.sends,
                "phone_required": session.get_verifier(http).needs_phone(),
                "backups": [],
            }
        )
