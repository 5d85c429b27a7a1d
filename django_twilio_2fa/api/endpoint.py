"""The base of the endpoints: authentication, parameters and error responses."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404, JsonResponse
from django.utils import timezone
from django.utils.decorators import classonlymethod
from django.utils.module_loading import import_string
from rest_framework import exceptions, serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .. import errors
from ..conf import conf
from ..models.verifications import Verification
from ..process import wording
from ..process.tables import outside_host_transaction
from ..process.unauthenticated import UnauthenticatedVerifier
from ..providers.installed import get_providers
from ..verifier import Verifier
from . import failures
from .binding import get_verifier

logger = logging.getLogger(__name__)


def classes(kind: str, default: Iterable[Any]) -> list[Any]:
    """Return the classes that `API_CLASSES` has under `kind`, or else the default."""
    told = conf.API_CLASSES.get(kind)
    if told is None:
        return list(default)
    several = told if isinstance(told, (list, tuple)) else [told]
    return [import_string(cls) if isinstance(cls, str) else cls for cls in several]


class Careful:
    """Raise `ParseError` for every body that cannot be parsed, even if authentication reads it first.

    Session authentication reads the body before the endpoint does, in its CSRF check.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)  # type: ignore[misc]
        except (RecursionError, UnicodeError, LookupError) as e:
            # The body is nested too deeply, its encoding is unknown, or its bytes are invalid.
            raise exceptions.ParseError from e


class CarefulJSONParser(Careful, JSONParser):
    pass


class CarefulFormParser(Careful, FormParser):
    pass


class CarefulMultiPartParser(Careful, MultiPartParser):
    pass


class JSONWhateverIsAskedFor(DefaultContentNegotiation):
    """Respond in JSON, whatever format the request asks for. Errors are JSON, too."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class EndpointView(APIView):
    """Base of the endpoints: authentication, parameters and error responses."""

    two_factor_exempt = True  # for TwoFactorMiddleware: users verify at these endpoints

    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JSONWhateverIsAskedFor
    parser_classes = (CarefulJSONParser, CarefulFormParser, CarefulMultiPartParser)
    verifier: Any
    """A `Verifier`, or an `UnauthenticatedVerifier` if `serves_unauthenticated` is set."""
    serves_unauthenticated = False
    """True if the endpoint also serves a user who is named in the request and not signed in."""
    takes_signing_in = False
    """True if the endpoint also verifies users from `TwoFactorLoginView`, who are not signed in yet."""

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return outside_host_transaction(super().as_view(**initkwargs))

    def get_permissions(self) -> list[Any]:
        return [cls() for cls in classes("permission", [AllowAny])]

    def get_authenticators(self) -> list[Any]:
        return [cls() for cls in classes("authentication", self.authentication_classes)]

    def get_throttles(self) -> list[Any]:
        return [cls() for cls in classes("throttle", self.throttle_classes)]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.verifier = self.get_verifier(request)
        # The user is named in the request and not signed in.
        self.is_unauthenticated = isinstance(self.verifier, UnauthenticatedVerifier)
        self.verifier.authorize()

    def get_verifier(self, request: Request) -> Verifier | UnauthenticatedVerifier:
        """Return the verifier of the signed-in user, of the user named in the request, or of no user.

        Raises `UserUnauthenticated`, or `UnauthenticatedUserParamMissing` if the request may name a user.
        """
        found = get_verifier(request, takes_signing_in=self.takes_signing_in)
        if found.user is not None:
            return found
        may_name_a_user = self.serves_unauthenticated and found.resolve("ALLOW_UNAUTHENTICATED_USERS")
        if may_name_a_user and (name := request.query_params.get(conf.UNAUTHENTICATED_QUERY_PARAM, "")):
            return UnauthenticatedVerifier(name, request=request._request)
        try:
            found.authorize()
        except errors.UserRequired:
            missing = errors.UnauthenticatedUserParamMissing
            raise (missing if may_name_a_user else errors.UserUnauthenticated) from None
        return found

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, errors.TwoFactorError):
            return failures.response(exc)
        if isinstance(exc, SuspiciousOperation):
            # The body is too large, or has too many fields.
            return failures.response(errors.MalformedRequest())
        if isinstance(exc, Http404):
            exc = exceptions.NotFound()
        elif isinstance(exc, PermissionDenied):
            exc = exceptions.PermissionDenied()
        if isinstance(exc, exceptions.APIException):
            answer = super().handle_exception(exc)
            error, answer.status_code = failures.from_rest_framework(exc)
            answer.data = failures.body(error)
            return answer
        # A bug in the site's own classes or in this package. With DEBUG, Django's page shows it.
        if settings.DEBUG:
            return super().handle_exception(exc)
        logger.error("The API failed", exc_info=exc)
        got_request_exception.send(sender=type(self), request=self.request._request)
        return failures.response(failures.Failed())

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Exception as e:
            # Raised before the framework handles exceptions (a class of `API_CLASSES` cannot be created), or
            # while it renders.
            if settings.DEBUG:
                raise
            logger.error("The API failed", exc_info=e)
            got_request_exception.send(sender=type(self), request=request)
            failed = failures.Failed()
            return JsonResponse(failures.body(failed), status=failed.status)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        # Rendered here, so that a failure to render also gets the API's error response.
        return response.render()

    def validated(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return the request's values after checking their types."""
        # For the site's `CHALLENGE`, which receives Django's request.
        vars(self.request._request)["twilio_2fa_data"] = self.request.data
        found = serializer(data=self.request.data)
        found.is_valid(raise_exception=True)
        return dict(found.validated_data)

    def told_user(self) -> Any:
        """Return the user passed to `MESSAGE_DISPLAY_CB`. None if the caller is not signed in."""
        return None if self.is_unauthenticated else self.verifier.user

    def require_user(self) -> None:
        if self.verifier.user is None:
            raise errors.UserUnauthenticated

    def sent(self, row: Verification, **more: Any) -> Response:
        about = {"user": self.told_user(), "request": self.request._request}
        provider = get_providers()[row.method]
        if (ceremony := provider.get_ceremony(row)) is not None:
            more["ceremony"] = ceremony
        return Response(
            {
                "verification_id": str(row.public_id),
                "display": provider.get_api_message(row)
                or wording.sent_sentence(provider, row.masked, **about),
                "can_resend_in": row.can_resend_in(),
                "expires_in": max(0, int((row.expires_at - timezone.now()).total_seconds())),
                "attempts": row.attempts,
                "sends": row.sends,
                **more,
            }
        )
