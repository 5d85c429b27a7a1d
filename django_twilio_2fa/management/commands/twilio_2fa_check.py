"""Check the credentials, the services and the methods in the settings by requests to Twilio."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ... import errors
from ...conf import conf
from ...providers.installed import default_methods, get_providers, why_unusable
from ...twilio.service import fetch_service

REASONS = {
    "20003": "Twilio refuses the credentials",
    "20404": "there is no such service in this account",
    "not_configured": "credentials or the service are not set",
    "connection": "Twilio cannot be reached",
    "no_answer": "Twilio gave no usable answer",
}


class Command(BaseCommand):
    help = "Asks Twilio for the service and says what is in order; exits non-zero if anything is not."

    def handle(self, *args: Any, **options: Any) -> None:
        self.failed = False
        if conf.SANDBOX and not conf.BASE_URL:
            self.say(None, "account", "the sandbox answers in its place: nothing of Twilio is asked")
        service = self.service("service")
        if service is not None:
            length = conf.TOKEN_LENGTH
            told = service.code_length
            says = f"the service sends {told} digits, TWILIO_2FA_TOKEN_LENGTH is {length}"
            self.say(told == length, "code length", says)
            self.methods()
        own = conf.raw("REGISTRATION_SERVICE_ID")
        if own is not None and own != conf.raw("SERVICE_ID"):
            self.service("registration service", registration=True)
        if self.failed:
            raise CommandError("Not everything is in order.")

    def say(self, ok: bool | None, what: str, says: str) -> None:
        self.failed |= ok is False
        word = "?" if ok is None else "ok" if ok else "FAILED"
        self.stdout.write(f"{word:8}{what}: {says}")

    def service(self, what: str, *, registration: bool = False) -> Any:
        try:
            service = fetch_service(registration=registration)
        except errors.TwoFactorError as e:
            told = str(e.data.get("twilio_error", e.full_code))
            refused = told in ("20003", "not_configured")
            if refused or told == "20404":
                self.say(not refused, "credentials", REASONS[told] if refused else "Twilio takes them")
            if not refused:
                self.say(False, what, REASONS.get(told, f"Twilio answered {told}"))
            return None
        self.say(True, "credentials", "Twilio takes them")
        self.say(True, what, str(service.friendly_name))
        return service

    def methods(self) -> None:
        providers = get_providers()
        names = conf.ALLOWED_METHODS
        if not isinstance(names, (list, tuple, set, frozenset)):
            # None, or a callable whose result depends on the user.
            names = default_methods()
        for name in names:
            if name not in providers:
                self.say(False, name, "no installed provider offers it")
                continue
            if why := why_unusable(providers[name]):
                self.say(False, name, why)
                continue
            try:
                found = providers[name].diagnose()
            except errors.TwoFactorError as e:
                self.say(False, name, f"Twilio answered {e.data.get('twilio_error', e.full_code)}")
            except Exception as e:
                # A provider may raise any exception. The other methods are still checked.
                self.say(False, name, f"it failed: {type(e).__name__}")
            else:
                self.say(found.ok, name, found.says)
