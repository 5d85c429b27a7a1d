"""The endpoints. Each reads JSON, calls the verifier and returns JSON. The rules are in `process`."""

from __future__ import annotations

import json
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from .. import browsers, errors, session
from ..contacts import Contact, EmailAddress, PhoneNumber
from ..models.verifications import Verification
from ..process import offers, session_data, signing_in, wording
from ..process.devices import Registered
from ..process.provider_call import answer_of
from ..providers.installed import provider_of
from . import serializers as shapes
from .endpoint import EndpointView
from .schema import documented


def contact_of(values: dict[str, Any]) -> Contact | None:
    """Return the number or address in the request, or None. Raises an error if it is invalid."""
    if values.get("phone_number"):
        return PhoneNumber(values["phone_number"], values.get("phone_country") or "")
    return EmailAddress(values["email"]) if values.get("email") else None


def described(registered: Registered) -> dict[str, Any]:
    """Return a device as JSON values."""
    device, provider = registered.device, provider_of(registered.kind)
    return {
        "id": registered.id,
        "kind": registered.kind,
        "obfuscated": registered.masked,
        "name": device.name if device else "",
        "is_default": registered.default_at is not None,
        "left": answer_of(None, provider.get_uses_left, device) if provider and device else None,
    }


class SendView(EndpointView):
    """Send a token to a registered device, or to a new number or address."""

    serves_unauthenticated = True
    takes_signing_in = True

    @documented(takes=shapes.SendSerializer, answers=shapes.SentSerializer, serves_unauthenticated=True)
    def post(self, request: Request) -> Response:
        values = self.validated(shapes.SendSerializer)
        to, device = contact_of(values), values["device"] or None
        if not values["method"] and (not device or self.is_unauthenticated):
            raise errors.MalformedRequest
        method = values["method"] or self.verifier.method_for(device or "")
        return self.sent(self.verifier.send(method, device=device, to=to))


class RegisterView(EndpointView):
    """Send a token to a new number or address, which is registered only after the token is confirmed."""

    takes_signing_in = True

    def register(self, values: dict[str, Any]) -> Response:
        self.require_user()
        to = contact_of(values)
        if to is None:
            raise errors.MalformedRequest
        self.verifier.authorize_enrolment(to.kind)
        method = values["method"] or offers.for_destination(self.verifier.available, to).name
        earlier = values["instead_of"] and self.verifier.get(values["instead_of"])
        return self.sent(self.verifier.send(method, to=to, instead_of=earlier or None))


class SetPhoneNumberView(RegisterView):
    @documented(takes=shapes.PhoneNumberSerializer, answers=shapes.SentSerializer)
    def post(self, request: Request) -> Response:
        """Begin to register a phone number. Returns the verification to complete."""
        return self.register(self.validated(shapes.PhoneNumberSerializer))


class SetEmailView(RegisterView):
    @documented(takes=shapes.EmailSerializer, answers=shapes.SentSerializer)
    def post(self, request: Request) -> Response:
        """Begin to register an e-mail address. Returns the verification to complete."""
        return self.register(self.validated(shapes.EmailSerializer))


class RegisterDeviceView(EndpointView):
    """Begin to register a device that has no number and no address."""

    takes_signing_in = True

    @documented(takes=shapes.RegisterSerializer, answers=shapes.RegisteringSerializer)
    def post(self, request: Request) -> Response:
        """Begin to register a device of a method's own kind. Returns the verification to complete."""
        self.require_user()
        values = self.validated(shapes.RegisterSerializer)
        row = self.verifier.send(values["method"], enrol=True, name=values["name"], data=values["data"])
        return self.sent(row, registration=offers.registration_data(row))


class VerifyView(EndpointView):
    """Check a token."""

    serves_unauthenticated = True
    takes_signing_in = True

    @documented(takes=shapes.VerifySerializer, answers=shapes.VerifiedSerializer, serves_unauthenticated=True)
    def post(self, request: Request) -> Response:
        values = self.validated(shapes.VerifySerializer)
        answer = values["answer"]
        token = values["code"] if answer is None else json.dumps(answer)
        row = self.verifier.check(self.verifier.get(values["verification_id"]), token)
        signs_in = signing_in.is_verified_by(request._request, row)
        if signs_in:
            # Also if another request had it approved, and its response was lost.
            signing_in.finish(request._request)
            self.verifier = session.get_verifier(request._request)
        # Other requests must not write to the session: they would overwrite what receivers stored there.
        if row.approved_now and session_data.subject_of(request._request) is not None:
            session.remember(request._request, row)
        about = {"user": self.told_user(), "request": request._request}
        response = Response(
            {
                "verified": True,
                "signed_in": signs_in,
                "display": wording.message("verified", **about),
                "attempts": row.attempts,
                "sends": row.sends,
                **self.to_register_next(row),
            }
        )
        if values["trust_browser"] and row.approved_now and not self.is_unauthenticated:
            browsers.trust(request._request, response, row)
        return response

    def to_register_next(self, row: Verification) -> dict[str, Any]:
        """Return whether a phone number must be registered next, and the backups that may be."""
        if self.is_unauthenticated:
            return {"phone_required": False, "backups": []}
        backups = self.verifier.available.backups_after(row)
        return {"phone_required": self.verifier.needs_phone(), "backups": [p.name for p in backups]}


class CancelView(EndpointView):
    """Cancel a verification."""

    serves_unauthenticated = True
    takes_signing_in = True

    @documented(takes=shapes.CancelSerializer, answers=shapes.SuccessSerializer, serves_unauthenticated=True)
    def post(self, request: Request) -> Response:
        self.verifier.cancel(self.verifier.get(self.validated(shapes.CancelSerializer)["verification_id"]))
        return Response({"success": True})


class MethodsView(EndpointView):
    """List the methods that the user may verify with."""

    takes_signing_in = True

    @documented(answers=shapes.MethodsSerializer)
    def get(self, request: Request) -> Response:
        return Response({"verification_methods": {m["value"]: m for m in self.verifier.methods()}})

    @documented(answers=shapes.MethodsSerializer)
    def post(self, request: Request) -> Response:
        answer: Response = self.get(request)
        return answer


class DevicesView(EndpointView):
    """List the user's devices."""

    @documented(answers=shapes.DeviceSerializer(many=True))
    def get(self, request: Request) -> Response:
        self.require_user()
        return Response([described(registered) for registered in self.verifier.registered()])


class DeviceView(EndpointView):
    """One of the user's devices."""

    @documented(takes=shapes.DeviceChangeSerializer, answers=shapes.DeviceSerializer)
    def patch(self, request: Request, device: str) -> Response:
        """Rename the device or make it the default. Requires a recent verification."""
        self.require_user()
        values = self.validated(shapes.DeviceChangeSerializer)
        if values["name"] is None:
            return Response(described(self.verifier.make_default(device)))
        found = self.verifier.rename(device, values["name"], is_default=values["is_default"])
        return Response(described(found))

    @documented(answers=shapes.SuccessSerializer)
    def delete(self, request: Request, device: str) -> Response:
        """Remove the device. Requires a recent verification, and uses it up."""
        self.require_user()
        found = self.verifier.find_registered(device)
        if found is None:
            raise errors.MissingUserData
        self.verifier.remove(found)
        return Response({"success": True})


class VerifiedView(EndpointView):
    """Base of the endpoints for verified users."""

    def require_verified(self) -> None:
        self.require_user()
        if not session.is_verified(self.request._request):
            raise errors.TwoFactorRequired


class BrowsersView(VerifiedView):
    """The browsers that are remembered for the user."""

    @documented(answers=shapes.BrowserSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the remembered browsers."""
        self.require_verified()
        found = browsers.list_browsers(request._request)
        return Response(shapes.BrowserSerializer(found, many=True).data)

    @documented(answers=shapes.RecognizedSerializer)
    def post(self, request: Request) -> Response:
        """Verify the session if this browser is remembered."""
        self.require_user()
        http = request._request
        verified = session.is_verified(http) or browsers.recognize(http)
        response = Response({"verified": verified})
        browsers.renew_cookie(http, response)
        return response

    @documented(answers=shapes.SuccessSerializer, operation_id="2fa_browsers_destroy_all")
    def delete(self, request: Request) -> Response:
        """Forget all remembered browsers. Requires a recent verification."""
        self.require_verified()
        self.verifier.forget_browsers()
        return Response({"success": True})


class BrowserView(VerifiedView):
    """One of the browsers that are remembered for the user."""

    @documented(answers=shapes.SuccessSerializer)
    def delete(self, request: Request, browser: str) -> Response:
        """Forget one remembered browser. Requires a recent verification."""
        self.require_verified()
        self.verifier.forget_browsers(browser)
        return Response({"success": True})


class ActivityView(VerifiedView):
    """The user's last verifications."""

    @documented(answers=shapes.ActivitySerializer(many=True))
    def get(self, request: Request) -> Response:
        self.require_verified()
        return Response(shapes.ActivitySerializer(self.verifier.activity(), many=True).data)


__all__ = [name for name in globals() if name.endswith("View")]
