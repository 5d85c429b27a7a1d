"""Provide helpers for the tests of a site: users with a device, verified clients, and the sandbox."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

from .. import session
from ..contacts import Contact, PhoneNumber
from ..digests import digest
from ..models.counters import Counter, Lock
from ..models.devices import Device
from ..models.verifications import Purpose, Status, Verification

TEST_PHONE_NUMBER = "+12025550143"
"""A phone number that belongs to nobody: 555-0100 to 555-0199 are reserved for fiction."""

# Tests do not use the site's credentials: the sandbox might not accept them.
ACCOUNT = ("ACCOUNT_SID", "AUTH_TOKEN", "SERVICE_ID", "REGISTRATION_SERVICE_ID", "BASE_URL")
SETTINGS: dict[str, Any] = {
    "TWILIO_2FA_SANDBOX": True,
    "TWILIO_2FA_SANDBOX_WITHOUT_DEBUG": True,
    **{f"TWILIO_2FA_{name}": None for name in ACCOUNT},
}


def register_device(user: Any, contact: Contact | str = TEST_PHONE_NUMBER, **fields: Any) -> Device:
    """Register a phone number (E.164 or `PhoneNumber`) or an `EmailAddress` for a user.

    `fields` are fields of `Device`, such as `name`. Raises this package's errors for an invalid number.
    """
    found = PhoneNumber(contact) if isinstance(contact, str) else contact
    device: Device = Device.objects.register(user, found, **fields)
    return device


def create_two_factor_user(name: str = "two_factor_user", **fields: Any) -> Any:
    """Create a user with a registered phone number. `fields` are passed to `create_user`.

    A site that stores numbers itself (`PHONE_NUMBER_CB`) has to create its users itself.
    """
    model = get_user_model()
    username = model.USERNAME_FIELD
    email = model.get_email_field_name()
    values = {username: f"{name}@example.com" if username == email else name, "password": "password"}
    user = model._default_manager.create_user(**{**values, **fields})
    register_device(user)
    return user


def verify(client: Client, *, ago: timedelta | float = 0) -> Verification:
    """Verify the session of a signed-in client, as a right token would. Return the verification.

    `ago`: the time since the user was verified (timedelta or seconds), for pages with a `max_age`. If it is
    less than ten minutes, the client may also add and remove devices. Raises ValueError if nobody is signed
    in.
    """
    request = HttpRequest()
    request.session = client.session
    request.user = get_user(request)
    if not request.user.is_authenticated:
        raise ValueError("Nobody is signed in: call client.force_login(user) first.")
    verifier = session.get_verifier(request, create=True)
    then = timezone.now() - (ago if isinstance(ago, timedelta) else timedelta(seconds=ago))
    row: Verification = Verification.objects.create(
        user=request.user,
        purpose=Purpose.PROVE,
        transport="test",
        method="test",
        status=Status.APPROVED,
        created_at=then,
        expires_at=then,
        ended_at=then,
        approved_at=then,
        verifies_session=True,
        flow_digest=digest("flow", verifier.flow),
        auth_digest=verifier.auth,
    )
    session.remember(request, row)
    request.session.save()
    # If sessions are stored in the cookie, saving a session changes the cookie.
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return row


class TwilioSandbox:
    """The sandbox of a test: its messages, its clock and its faults."""

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Return the messages (to one recipient), newest first: dicts of `to`, `channel`, `code`, `body`."""
        from ..sandbox import messages

        return messages.delivered(to)

    def last_message(self, to: str = "") -> dict[str, Any]:
        """Return the last message (to one recipient). Raises LookupError if there is none."""
        from ..sandbox import messages

        return messages.last(to)

    def last_code(self, to: str = "") -> str:
        """Return the code of the last message (to one recipient). Raises LookupError if there is none."""
        from ..sandbox import messages

        return messages.last_code(to)

    def authenticator_code(self, secret: str) -> str:
        """Return the code that an authenticator app with this secret (base32, spaces allowed) shows now."""
        from ..sandbox import authenticators

        return authenticators.current_code(secret.replace(" ", ""))

    def next_authenticator_code(self, secret: str) -> str:
        """Move the clock forward by half a minute, and return the code that the app shows then."""
        from ..sandbox import authenticators, clock

        clock.ahead += authenticators.STEP
        return self.authenticator_code(secret)

    def move_clock(self, seconds: float) -> None:
        """Move the clock forward, so that tokens expire, and cooldowns, limits and locks end.

        The times in the rows of this package and of the sandbox are moved back. Sessions are not changed: a
        verified session stays verified, and `max_age` is not affected. For that, use `verify(client, ago=…)`.
        """
        from ..sandbox import clock

        move_rows(seconds)
        move_counts(seconds)
        clock.ahead += seconds

    def fault(self, name: str | int, *, on: str = "", times: int = 1) -> AbstractContextManager[None]:
        """Return a context manager in which the next `times` requests to Twilio fail. 0 for all requests.

        `name`: an error code of Twilio (60410, …) or a fault of the sandbox (`hang`, `refuse`, `slow`, …).
        Timeouts are raised at once. A send is tried again if the connection is refused, so use `times=0` with
        `refuse`. `on`: the end of the path of the requests that fail, which is `/Verifications` for sends and
        `/VerificationCheck` for checks. Raises KeyError for an unknown name.
        """
        from ..sandbox.fault_injection import injected

        return injected(str(name), on=on, times=times)

    def reset(self) -> None:
        from ..sandbox import clock

        clock.ahead = 0.0


def move_rows(seconds: float) -> None:
    """Move all stored times back, except those of counters."""
    from ..sandbox import clock

    for app in ("twilio_2fa", "twilio_2fa_sandbox"):
        clock.move_rows(app, seconds)


def move_counts(seconds: float) -> None:
    """Move the times of counters and locks back, except locks that do not expire."""
    Lock.objects.exclude(until=Lock.FOR_EVER).update(until=F("until") - int(seconds))
    timed = Counter.objects.exclude(window=0)
    # The windows become negative first, so that no row conflicts with another row of the same key.
    timed.update(window=-F("window"))
    Counter.objects.filter(window__lt=0).update(window=-F("window") - int(seconds))


def require_sandbox() -> None:
    """Raise ImproperlyConfigured if the app of the sandbox, which has its tables, is not installed."""
    if not apps.is_installed("django_twilio_2fa.sandbox"):
        raise ImproperlyConfigured('Add "django_twilio_2fa.sandbox" to INSTALLED_APPS of the test settings.')


class TwilioSandboxMixin:
    """Replace Twilio by the sandbox, `self.sandbox`, in a subclass of Django's `TestCase`.

    Put it before `TestCase` in the base classes. The sandbox is used from `setUpTestData` on.
    """

    sandbox: TwilioSandbox

    @classmethod
    def setUpClass(cls) -> None:
        require_sandbox()
        cls.sandbox = TwilioSandbox()
        sandboxed = override_settings(**SETTINGS)
        sandboxed.enable()
        cls.addClassCleanup(sandboxed.disable)  # type: ignore[attr-defined]
        cls.addClassCleanup(cls.sandbox.reset)  # type: ignore[attr-defined]
        super().setUpClass()  # type: ignore[misc]

    def setUp(self) -> None:
        self.addCleanup(self.sandbox.reset)  # type: ignore[attr-defined]
        super().setUp()  # type: ignore[misc]
