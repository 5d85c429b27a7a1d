"""Define the base classes of methods that use Twilio Verify."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import get_language

from .. import errors, tokens
from ..conf import conf
from ..digests import digest
from ..forms import CustomTokenForm, TokenForm
from ..models.verifications import Purpose
from ..providers import Checked, Diagnosis, MethodProvider, Sent
from .client import service_sid
from .error_codes import convert_errors
from .locales import locale_for
from .parameters import only_known, site_parameters
from .service import fetch_service, fetch_with_headers, get_service
from .webhooks import is_from_twilio

if TYPE_CHECKING:
    from ..models.devices import Device
    from ..models.verifications import Verification

logger = logging.getLogger(__name__)

CUSTOM = "custom_code"
"""The key in a verification's `data` for codes that the site has made."""


def as_utc(moment: datetime | None) -> datetime | None:
    """Return a time of Twilio as aware. twilio-python may return naive times, which are in UTC."""
    if moment is not None and moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment


def _refuses_locale(error: errors.TwoFactorError) -> bool:
    """Return whether a send may have failed because of its language.

    Twilio answers with a 404 (Twilio's documentation, "Verify supported languages"), with 60331 if the voice
    does not speak the language, or with a 60200 that names the parameter.
    """
    return error.data.get("parameter") == "locale" or error.data.get("twilio_error") in (20404, 60331)


def _mismatch() -> errors.TwilioUnavailable:
    """Return the error for a response about another verification. It is not known what Twilio has done."""
    logger.error("The response of Twilio is about another verification than the request")
    error = errors.TwilioUnavailable(twilio_error="mismatch")
    error.uncertain = True
    return error


def _is_to(answer: Any, verification: Verification) -> bool:
    """Return whether a response is about the destination. Twilio may change the case of an e-mail address."""
    return str(answer.to).lower() == verification.destination.lower()


class VerifyService:
    """Base class of methods that use Twilio Verify. It converts Twilio's errors to this package's errors."""

    get_service = staticmethod(get_service)
    """The Verify service, as an object of twilio-python."""

    def get_service_id(self, *, user: Any, request: Any = None, registration: bool = False) -> str:
        """Return the SID of the service for a new verification. Empty if none is set."""
        try:
            return service_sid(user=user, request=request, registration=registration)
        except ImproperlyConfigured:
            # Using the service raises an error of this package.
            return ""

    fetch_service = staticmethod(fetch_service)
    """Fetch the configuration of the service from Twilio. Raises this package's errors."""

    fetch_with_headers = staticmethod(fetch_with_headers)
    """Fetch a path of the service. Return the fields and the headers. Raises twilio-python's exceptions."""

    is_from_twilio = staticmethod(is_from_twilio)
    """Return whether Twilio has signed the request of a webhook."""

    convert_errors = staticmethod(convert_errors)
    """A context manager that raises this package's errors. `service=True`: a 404 is about the service."""


class FactorService(VerifyService):
    """Base class of methods whose devices are factors of Twilio Verify. Put it before `MethodProvider`."""

    factor_type: ClassVar[str] = ""
    """The name of the kind of factor at Verify, such as `totp`."""

    def identity_of(self, user_id: Any) -> str:
        """Return the name of the user's entity at Verify: opaque, and the same for all of their factors."""
        return digest(self.factor_type, user_id)

    @staticmethod
    def entity_of(kept: dict[str, Any], service: str = "") -> Any:
        """Return the user's entity, from the `identity` and `service` in a device's `data`."""
        return get_service(service or kept.get("service", "")).entities(kept["identity"])

    def create_factor(self, kept: dict[str, Any], service: str, **told: Any) -> Any:
        """Create a factor, which has to be verified. Raises this package's errors."""
        with convert_errors(service=True):
            return self.entity_of(kept, service).new_factors.create(factor_type=self.factor_type, **told)

    def verify_factor(self, kept: dict[str, Any], sid: str, payload: str) -> Any:
        """Verify a factor with a code or a signature. Raises this package's errors."""
        with convert_errors():
            return self.entity_of(kept).factors(sid).update(auth_payload=payload)

    def is_verified(self, factor: Any, kept: dict[str, Any], sid: str) -> bool:
        """Return whether Twilio's response is about this factor of the entity, and the factor is verified."""
        same = factor.sid == sid and factor.identity == kept["identity"]
        return bool(same and factor.factor_type == self.factor_type and factor.status == "verified")

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        """Delete the factor of a registration. A challenge cannot be canceled at Twilio."""
        if verification.purpose == Purpose.ENROL and verification.sid:
            with convert_errors():
                self.entity_of(verification.data, verification.service).factors(verification.sid).delete()

    def remove(self, device: Device) -> None:
        """Delete the factor of a device. A 404 means that it has been deleted already."""
        with suppress(errors.VerificationExpired), convert_errors():
            self.entity_of(device.data).factors(device.value).delete()


class VerifyProvider(VerifyService, MethodProvider):
    """Base class of a channel of Twilio Verify. Set `channel` and the attributes of a provider."""

    channel: ClassVar[str] = ""
    speaks: ClassVar[bool] = True
    """True if Verify's messages of this channel have several languages."""
    cost: ClassVar[Any] = "a verification and a message"
    approval_price: ClassVar[str] = "0.05"

    @property
    def transport(self) -> str:
        """The same name for all channels, because at Twilio they share the code to a destination."""
        return "verify"

    def _service(self, verification: Verification) -> Any:
        # Registrations and users who are not signed in use REGISTRATION_SERVICE_ID, if it is set.
        stranger = verification.purpose == Purpose.ENROL or verification.is_unauthenticated
        return self.get_service(verification.service, registration=stranger)

    def options(self, verification: Verification, *, request: Any = None) -> dict[str, Any]:
        """Return additional parameters of the send, by their names in twilio-python."""
        about = {"request": request, "user": verification.user}
        options = {
            "custom_friendly_name": conf.resolve("SERVICE_NAME", **about),
            "rate_limits": conf.resolve("RATE_LIMITS", method=self.name, **about),
            "locale": self.locale(**about) if self.speaks else None,
        }
        own = {name: value for name, value in options.items() if value}
        return {**own, **site_parameters(method=self.name, **about).start}

    def locale(self, *, user: Any, request: Any) -> str | None:
        """Return the language of the message, as a tag of Verify. None for Twilio's choice."""
        if not conf.is_set("LOCALE_CB"):
            return locale_for(get_language())
        told = conf.resolve("LOCALE_CB", method=self.name, user=user, request=request)
        return str(told) if told else None

    def diagnose(self) -> Diagnosis:
        return self.diagnose_service(self.fetch_service())

    def diagnose_service(self, service: Any) -> Diagnosis:
        """Return whether the settings of the Verify service allow the channel, if they say so."""
        return Diagnosis(True, "needs no more than the service")

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        with convert_errors():
            options = self.options(verification, request=request)
        try:
            return self._send(verification, options)
        except (errors.TwilioUnavailable, errors.TwilioInvalidParameter) as e:
            if "locale" in options and _refuses_locale(e):
                logger.warning("Twilio refused the locale %s; sending without", options.pop("locale"))
            elif e.data.get("twilio_error") != "connection":
                raise
        # The connection or the language was refused, so nothing was sent. In other cases, a second try could
        # send the code twice.
        return self._send(verification, options)

    def _send(self, verification: Verification, options: dict[str, Any]) -> Sent:
        with convert_errors(service=True):
            create = self._service(verification).verifications.create
            answer = create(to=verification.destination, channel=self.channel, **only_known(create, options))
            if not _is_to(answer, verification) or not answer.sid:
                raise _mismatch()
            # A resend repeats the first code. A custom code stays custom, even if the options have changed.
            data = {CUSTOM: True} if "custom_code" in options else None
            return Sent(sid=answer.sid, started_at=as_utc(answer.date_created), data=data)

    def get_token_form_class(self, verification: Verification) -> type[TokenForm]:
        return CustomTokenForm if verification.data.get(CUSTOM) else TokenForm

    def read_token(self, verification: Verification, text: str) -> str:
        if verification.data.get(CUSTOM):
            return tokens.custom(text)
        return super().read_token(verification, text)

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        # If the response to a send was lost, the SID is unknown. The destination then names the verification.
        key = {"verification_sid": verification.sid} if verification.sid else {"to": verification.destination}
        with convert_errors():
            told = site_parameters(method=self.name, user=verification.user, request=request)
            answer = self._service(verification).verification_checks.create(code=token, **key, **told.check)
            same = _is_to(answer, verification) and answer.sid == (verification.sid or answer.sid)
            if answer.status == "approved" and not same:
                raise _mismatch()
            if answer.status == "max_attempts_reached":
                raise errors.MaxAttemptsReached
            if answer.status in ("canceled", "expired", "deleted", "failed"):
                raise errors.VerificationExpired
            if answer.status not in ("pending", "approved"):
                logger.error("Twilio answered a check with an unknown status")
                raise errors.TwilioUnavailable(twilio_error="unknown_status")
            return Checked(
                approved=answer.status == "approved" and answer.valid is True, sid=answer.sid or ""
            )

    def decoy(self, verification: Verification, *, verb: str, request: Any = None) -> None:
        try:
            self._pretend(verification, verb)
        except errors.TwilioUnavailable as e:
            # A send would be tried again in these cases, but a check never.
            again = e.data.get("twilio_error") == "connection" or (self.speaks and _refuses_locale(e))
            if verb == "check" or not again:
                raise
            self._pretend(verification, verb)

    def _pretend(self, verification: Verification, verb: str) -> None:
        """Fetch the service: a free request over the same connections, without an error in Twilio's log.

        The check of a missing verification would be logged as an error, and would count as a check.
        """
        with convert_errors(service=verb != "check"):
            self._service(verification).fetch()

    def approve(self, verification: Verification, *, request: Any = None) -> None:
        if verification.sid:
            with convert_errors():
                self._service(verification).verifications(verification.sid).update(status="approved")

    def cancel(self, verification: Verification, *, request: Any = None) -> None:
        if not verification.sid:
            return
        with convert_errors():
            self._service(verification).verifications(verification.sid).update(status="canceled")
