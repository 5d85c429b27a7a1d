"""Every error as 0.32 shaped it, with the right status."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, status
from rest_framework.response import Response

from .. import errors


class Failed(errors.TwoFactorError):
    """A fault of the site or of this package, not of the request. Code and sentence are the default ones."""

    status = status.HTTP_500_INTERNAL_SERVER_ERROR


def body(error: errors.TwoFactorError) -> dict[str, Any]:
    """`success`, `error_code`, `display`, `data`, `blocking`."""
    data = dict(error.data)
    if error.verification is not None:
        # Its code may be on the way: what the caller can go on with.
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
    """Convert an exception of Django REST framework to one of our errors, with its status."""
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        # The framework makes a 403 of it where its first way to sign in is a session.
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
