"""Error responses in the format of 0.32, with the right HTTP status."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, status
from rest_framework.response import Response

from .. import errors


class Failed(errors.TwoFactorError):
    """A bug in the site or in this package, with the default code and message."""

    status = status.HTTP_500_INTERNAL_SERVER_ERROR


def body(error: errors.TwoFactorError) -> dict[str, Any]:
    """Return the body of an error response: `success`, `error_code`, `display`, `data`, `blocking`."""
    data = dict(error.data)
    if error.verification is not None:
        # The caller can go on with this verification: its code may be on the way.
        data["verification_id"] = str(error.verification.public_id)
    return {
        "success": False,
        "error_code": error.full_code,
        "display": error.display,
        "data": data,
        "blocking": error.blocking,
    }


def response(error: errors.TwoFactorError) -> Response:
    wait = error.data.get("retry_after") or error.data.get("can_resend_in")
    headers = {"Retry-After": str(wait)} if wait and error.status == status.HTTP_429_TOO_MANY_REQUESTS else {}
    return Response(body(error), status=error.status, headers=headers)


def from_rest_framework(exc: exceptions.APIException) -> tuple[errors.TwoFactorError, int]:
    """Convert an exception of Django REST framework to an error of this package and its status."""
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        # The framework responds with a 403 if its first authentication class uses the session.
        return errors.UserUnauthenticated(), errors.UserUnauthenticated.status
    if isinstance(exc, exceptions.PermissionDenied):
        return errors.UserNotAllowed(), exc.status_code
    if isinstance(exc, exceptions.Throttled):
        wait = getattr(exc, "wait", None)
        wait = int(wait) if wait else None
        return errors.TwilioRateLimited(retry_after=wait), exc.status_code
    if isinstance(exc, exceptions.ValidationError):
        return errors.MalformedRequest(fields=exc.detail), exc.status_code
    return errors.MalformedRequest(), exc.status_code
