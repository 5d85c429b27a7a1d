"""Provide the users, clients and steps for the tests of a provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import SkipTest

from django.db import connection, connections
from django.dispatch import Signal
from django.test import Client, override_settings
from django.urls import reverse

from ..contacts import CONTACTS, Contact, EmailAddress, PhoneNumber
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification
from ..providers import MethodProvider
from ..providers.installed import get_providers
from ..session import get_verifier
from ..verifier import Verifier
from .site import TEST_PHONE_NUMBER, TwilioSandboxMixin, create_two_factor_user, verify

if TYPE_CHECKING:
    from django.test import TransactionTestCase as _Base
else:
    _Base = object

THREADS = 8


class ProviderScene(TwilioSandboxMixin, _Base):
    """A user, and the steps of registration and verification. The tests of a provider override the hooks."""

    method: ClassVar[str]
    """The name of the method to test. Its provider has to be installed, or set in `method_settings`."""
    contact: ClassVar[Contact | None] = None
    """The `PhoneNumber` or `EmailAddress` to register. By default, one that fits `device_kind`."""
    method_settings: ClassVar[dict[str, Any]] = {}
    """The settings that the tests of this method need: a dict of names and values."""
    namespace: ClassVar[str] = "twilio_2fa"
    """The URL namespace of the pages."""

    # Hooks that the tests of a provider may override

    def right_token(self, verification: Verification) -> str:
        """Return the right token. By default, the last token that the sandbox delivered."""
        return self.sandbox.last_code()

    def wrong_token(self, verification: Verification) -> str:
        """Return a wrong token. By default, the right token with its first digit changed."""
        right = self.right_token(verification)
        return f"{(int(right[0]) + 1) % 10}{right[1:]}"

    def answer(self, verification: Verification, *, approved: bool) -> None:
        """Approve or deny a verification, as the user of a `WaitingProvider` does."""
        Verification.objects.answer(verification.public_id, approved=approved)

    def registration(self) -> dict[str, str]:
        """Return the data to post to the registration form."""
        if self.provider.device_kind == PhoneNumber.kind:
            number = PhoneNumber(str(self.contact))
            return {"country_code": number.country_code, "phone_number": number.national_format}
        return {"email": str(self.contact)} if self.provider.device_kind == EmailAddress.kind else {}

    def confirmation(self, page: Any) -> dict[str, str]:
        """Return the data to post to the verify page to register the device. `page` is its response."""
        return self.proof(self.newest())

    # The scene

    def setUp(self) -> None:
        super().setUp()
        changed = override_settings(
            **{
                "TWILIO_2FA_ALLOWED_METHODS": [self.method],
                "TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP": False,
                "TWILIO_2FA_SEND_COOLDOWN": 30,
                # A slower hasher would take most of the time of a test.
                "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
                **self.method_settings,
            }
        )
        changed.enable()
        self.addCleanup(changed.disable)
        if self.contact is None and self.provider.device_kind in CONTACTS:
            value = (
                TEST_PHONE_NUMBER if self.provider.device_kind == PhoneNumber.kind else "owner@example.com"
            )
            type(self).contact = CONTACTS[self.provider.device_kind](value)
        self.user = create_two_factor_user("owner")
        self.phone = Device.objects.get(user=self.user)

    @property
    def provider(self) -> MethodProvider:
        return get_providers()[self.method]

    def url(self, name: str) -> str:
        return reverse(f"{self.namespace}:{name}")

    def browser(self) -> Client:
        """Return a client with a new session of the owner."""
        client = Client()
        client.force_login(self.user)
        return client

    def newest(self) -> Verification:
        """Return the newest verification of the method."""
        row: Verification = Verification.objects.filter(method=self.method).latest("pk")
        return row

    def register(self) -> None:
        """Register a device for the method, in place of the owner's phone unless the method is a backup."""
        if self.provider.device_kind is None:
            return
        if self.contact is not None:
            self.phone.delete()
            Device.objects.register(self.user, self.contact)
            return
        client = self.browser()
        if self.provider.is_backup:
            verify(client)
            self.walk_to_the_end(client, f"{self.namespace}:adding")
        else:
            self.phone.delete()
            self.walk_to_the_end(client, self.namespace)

    def walk_to_the_end(self, client: Client, namespace: str) -> Any:
        """Register a device on the pages. Return the response of the last page."""
        client.post(reverse(f"{namespace}:start"), {"method": self.method, "device": ""}, follow=True)
        page = client.post(reverse(f"{namespace}:register"), self.registration(), follow=True)
        assert page.resolver_match.url_name == "verify", page.content.decode()
        row = self.newest()
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        return client.post(reverse(f"{namespace}:verify"), self.confirmation(page), follow=True)

    def begin(self, client: Client | None = None) -> tuple[Client, Verification]:
        """Start a verification of the registered device on the pages."""
        client = client or self.browser()
        client.post(self.url("start"), {"method": self.method, "device": ""}, follow=True)
        row = self.newest()
        assert (row.purpose, row.status) == (Purpose.PROVE, Status.PENDING), (row.purpose, row.status)
        return client, row

    def proof(self, row: Verification) -> dict[str, str]:
        """Return the data that the owner posts to the verify page. Empty for a method that waits."""
        if self.provider.approved_elsewhere:
            return {}
        return {"token": self.right_token(row)}

    def prove(self, client: Client, row: Verification) -> Any:
        """Complete a verification as its owner. Return the response."""
        if self.provider.approved_elsewhere:
            self.answer(row, approved=True)
        return client.post(self.url("verify"), self.proof(row), follow=True)

    def is_verified(self, client: Client) -> bool:
        page = client.get(self.url("success"), follow=True)
        return bool(page.resolver_match.url_name == "success")

    def verifier(self, client: Client) -> Verifier:
        """Return the verifier of the client's session."""
        request = client.get(self.url("start")).wsgi_request
        verifier = get_verifier(request, create=True)
        request.session.save()
        return verifier

    def needs_token(self) -> None:
        if self.provider.approved_elsewhere:
            raise SkipTest("the method has no token")

    def needs_row_locks(self) -> None:
        if not connection.features.has_select_for_update:
            raise SkipTest("tests of concurrent requests need a database with row locks")


class SignalRecorder:
    """Record the signals that are sent, and return them by method."""

    def __init__(self, signal: Signal) -> None:
        self.told: list[dict[str, Any]] = []
        signal.connect(self.note)

    def note(self, **kwargs: Any) -> None:
        self.told.append(kwargs)

    def of(self, method: str) -> list[dict[str, Any]]:
        return [t for t in self.told if t["method"] == method]


def twin(client: Client) -> Client:
    """Return a new client with the cookies of another one, for concurrent requests of the same browser."""
    other = Client()
    other.cookies.update(client.cookies)
    return other


def at_once(action: Callable[[], Any], n: int = THREADS) -> list[Any]:
    """Call `action` in `n` threads at the same time. Return the results."""
    ready = threading.Barrier(n)

    def run(_i: int) -> Any:
        try:
            ready.wait(30)
            return action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))
