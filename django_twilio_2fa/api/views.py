"""The endpoints: each reads JSON, asks the verifier, and answers. No rule is here."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from .. import errors, session
from ..contacts import Contact, EmailAddress, PhoneNumber
from ..process import wording
from ..process.unauthenticated import UnauthenticatedVerifier
from . import serializers as shapes
from .endpoint import EndpointView
from .schema import described


def contact_of(values: dict[str, Any]) -> Contact | None:
    """Return the number or address in the request. Raises its error."""
    if values.get("phone_number"):
        return PhoneNumber(values["phone_number"], values.get("phone_country") or "")
    return EmailAddress(values["email"]) if values.get("email") else None


class SendView(EndpointView):
    """Send a token: to a registered device, or to a new number or address."""

    for_strangers = True

    @described(takes=shapes.SendSerializer, answers=shapes.SentSerializer, for_strangers=True)
    def post(self, request: Request) -> Response:
        values = self.taken(shapes.SendSerializer)
        to, device = contact_of(values), values["device"] or None
        if not values["method"] and (not device or isinstance(self.verifier, UnauthenticatedVerifier)):
            raise errors.MalformedRequest
        method = values["method"] or self.verifier.method_for(device or "")
        return self.sent(self.verifier.send(method, device=device, to=to))


class RegisterView(EndpointView):
    """Send a token to a new number or address; its approval registers it, nothing is stored before."""

    def register(self, values: dict[str, Any]) -> Response:
        self.require_user()
        to = contact_of(values)
        if to is None:
            raise errors.MalformedRequest
        self.verifier.authorize_enrolment(to.kind)
        method = values["method"]
        if not method:
            options = [p for p in self.verifier.registrable(to.kind) if not p.why_unsuitable(to)]
            if not options:
                raise errors.NoMethodAvailable
            method = options[0].name
        return self.sent(self.verifier.send(method, to=to))


class SetPhoneNumberView(RegisterView):
    @described(takes=shapes.PhoneNumberSerializer, answers=shapes.SentSerializer)
    def post(self, request: Request) -> Response:
        """Begin to register a phone number: the answer is the verification to complete."""
        return self.register(self.taken(shapes.PhoneNumberSerializer))


class SetEmailView(RegisterView):
    @described(takes=shapes.EmailSerializer, answers=shapes.SentSerializer)
    def post(self, request: Request) -> Response:
        """Begin to register an e-mail address: the answer is the verification to complete."""
        return self.register(self.taken(shapes.EmailSerializer))


class VerifyView(EndpointView):
    """Check a token."""

    for_strangers = True

    @described(takes=shapes.VerifySerializer, answers=shapes.VerifiedSerializer, for_strangers=True)
    def post(self, request: Request) -> Response:
        values = self.taken(shapes.VerifySerializer)
        row = self.verifier.check(self.verifier.get(values["verification_id"]), values["code"])
        # Whoever has not won writes nothing: the session may hold what the winner's receivers put there.
        if row.approved_now and request.user is not None and request.user.is_authenticated:
            session.remember(request._request, row)
        about = {"user": self.told_user(), "request": request._request}
        return Response(
            {
                "verified": True,
                "display": wording.message("verified", **about),
                "attempts": row.attempts,
                "sends": row.sends,
            }
        )


class CancelView(EndpointView):
    """Give a verification up."""

    for_strangers = True

    @described(takes=shapes.CancelSerializer, answers=shapes.SuccessSerializer, for_strangers=True)
    def post(self, request: Request) -> Response:
        self.verifier.cancel(self.verifier.get(self.taken(shapes.CancelSerializer)["verification_id"]))
        return Response({"success": True})


class MethodsView(EndpointView):
    """List the methods that the user may verify with."""

    @described(answers=shapes.MethodsSerializer)
    def get(self, request: Request) -> Response:
        return Response({"verification_methods": {m["value"]: m for m in self.verifier.methods()}})

    @described(answers=shapes.MethodsSerializer)
    def post(self, request: Request) -> Response:
        answer: Response = self.get(request)
        return answer


class DevicesView(EndpointView):
    """List the user's devices."""

    @described(answers=shapes.DeviceSerializer(many=True))
    def get(self, request: Request) -> Response:
        self.require_user()
        found = [
            {"id": r.id, "kind": r.kind, "obfuscated": r.masked, "name": r.device.name if r.device else ""}
            for r in self.verifier.registered()
        ]
        return Response(found)


class DeviceView(EndpointView):
    """One of the user's devices."""

    @described(takes=shapes.DeviceSerializer, answers=shapes.DeviceSerializer)
    def patch(self, request: Request, device: str) -> Response:
        """Give it a name."""
        self.require_user()
        found = self.verifier.rename(device, self.taken(shapes.DeviceSerializer)["name"])
        name = found.device.name if found.device else ""
        return Response({"id": found.id, "kind": found.kind, "obfuscated": found.masked, "name": name})

    @described(answers=shapes.SuccessSerializer)
    def delete(self, request: Request, device: str) -> Response:
        """Remove it, against a fresh verification."""
        self.require_user()
        found = self.verifier.find_registered(device)
        if found is None:
            raise errors.MissingUserData
        self.verifier.remove(found)
        return Response({"success": True})


__all__ = [name for name in globals() if name.endswith("View")]
