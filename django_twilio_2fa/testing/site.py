"""For the tests of a site: users with a device, verified clients, and what the sandbox did."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import F
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

from .. import session
from ..contacts import Contact, PhoneNumber
from ..digests import digest
from ..models import Counter, Device, Purpose, Status, Verification
from ..process import lockout

TEST_PHONE_NUMBER = "+12025550143"
"""A number that belongs to nobody: 555-0100 to 555-0199 are kept for fiction."""

# The site's own account is put aside: whatever stands there, real or made up, the sandbox need not take it.
ACCOUNT = ("ACCOUNT_SID", "AUTH_TOKEN", "SERVICE_ID", "REGISTRATION_SERVICE_ID", "BASE_URL")
SETTINGS: dict[str, Any] = {
    "TWILIO_2FA_SANDBOX": True,
    "TWILIO_2FA_SANDBOX_WITHOUT_DEBUG": True,
    **{f"TWILIO_2FA_{name}": None for name in ACCOUNT},
}


def register_device(user: Any, contact: Contact | str = TEST_PHONE_NUMBER, **fields: Any) -> Device:
    """Register a phone number (E.164, or `PhoneNumber`) or an `EmailAddress`, as if its owner had proven it.

    `fields` are those of `Device`, such as `name`. Raises the kit's errors for what is no number.
    """
    found = PhoneNumber(contact) if isinstance(contact, str) else contact
    device: Device = Device.objects.register(user, found, **fields)
    return device


def create_two_factor_user(name: str = "two_factor_user", **fields: Any) -> Any:
    """Create a user with `TEST_PHONE_NUMBER` registered. `fields` go to `create_user`.

    A site that keeps numbers itself (`PHONE_NUMBER_CB`) makes its users by itself.
    """
    model = get_user_model()
    username = model.USERNAME_FIELD
    email = model.get_email_field_name()
    values = {username: f"{name}@example.com" if username == email else name, "password": "password"}
    user = model._default_manager.create_user(**{**values, **fields})
    register_device(user)
    return user


def verify(client: Client, *, ago: timedelta | float = 0) -> Verification:
    """Make a signed-in client verified, as a right token would: by an approved verification of its session.

    `ago` (a timedelta, or seconds) is how long since, for pages with a `max_age`. Returns that verification.
    A fresh one is a proof, too, so that devices may be added and removed. Raises ValueError where nobody is
    signed in.
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
        verifies=True,
        flow_digest=digest("flow", verifier.flow),
        auth_digest=verifier.auth,
    )
    session.remember(request, row)
    request.session.save()
    # Where sessions are kept in the cookie itself, saving them makes another one.
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return row


class TwilioSandbox:
    """The sandbox in the hands of a test: what it delivered, its clock, its faults."""

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Return the messages, newest first: `to`, `channel`, `code`, `body`; to one destination if given."""
        from ..sandbox import messages

        return messages.delivered(to)

    def last_message(self, to: str = "") -> dict[str, Any]:
        """Return the last delivered message, as one of `messages`. Raises LookupError for none."""
        from ..sandbox import messages

        return messages.last(to)

    def last_code(self, to: str = "") -> str:
        """Return the code of the last message, to one destination if given. Raises LookupError for none."""
        from ..sandbox import messages

        return messages.last_code(to)

    def authenticator_code(self, secret: str) -> str:
        """Return the code that an authenticator app with this secret (base32, spaces allowed) shows now."""
        from ..sandbox import factors

        return factors.current_code(secret.replace(" ", ""))

    def next_authenticator_code(self, secret: str) -> str:
        """Move the clock on by half a minute, and return the code then: a used code is not accepted again."""
        from ..sandbox import clock, factors

        clock.ahead += factors.STEP
        return self.authenticator_code(secret)

    def move_clock(self, seconds: float) -> None:
        """Let time pass: tokens expire, cooldowns, limits and locks end, authenticators show another code.

        What is stored is moved back, the kit's rows and the sandbox's. Sessions are not: whoever is verified
        stays so, and `max_age` counts from when they were: see `verify(client, ago=…)`.
        """
        from ..sandbox import clock

        move_rows(seconds)
        move_counts(seconds)
        clock.ahead += seconds

    def fault(self, name: str | int, *, on: str = "", times: int = 1) -> AbstractContextManager[None]:
        """Let the next `times` requests to Twilio go wrong, within the block; 0 times for all.

        `name`: a code of Twilio's (60410, …) or another of `sandbox.injected.FAULTS` (`hang`, `refuse`,
        `html-502`, …); timeouts strike at once. A send that finds no connection is tried once more: 0 times
        for `refuse`. `on`: how the request's path ends: `/Verifications` for a send, or
        `/VerificationCheck` for a check. Raises KeyError for a name that is none.
        """
        from ..sandbox.injected import injected

        return injected(str(name), on=on, times=times)

    def reset(self) -> None:
        from ..sandbox import clock

        clock.ahead = 0.0


def move_rows(seconds: float) -> None:
    """Move all that is stored with a time back, but for counts."""
    by = timedelta(seconds=seconds)
    for app in ("twilio_2fa", "twilio_2fa_sandbox"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.fields:
                if isinstance(field, models.DateTimeField):
                    rows = model._default_manager.exclude(**{field.name: None})
                    rows.update(**{field.name: F(field.name) - by})


def move_counts(seconds: float) -> None:
    """Move counts and locks back, but for those that only an unlock ends."""
    timed = Counter.objects.exclude(window=0).exclude(window=lockout.FOR_EVER)
    # By way of the negative numbers: on its way back no row may meet another of its key.
    timed.update(window=-F("window"))
    Counter.objects.filter(window__lt=0).update(window=-F("window") - int(seconds))


def require_sandbox() -> None:
    """Raise ImproperlyConfigured where the sandbox's app is missing: its tables are needed."""
    if not apps.is_installed("django_twilio_2fa.sandbox"):
        raise ImproperlyConfigured('Add "django_twilio_2fa.sandbox" to INSTALLED_APPS of the test settings.')


class TwilioSandboxMixin:
    """For Django's `TestCase`: the sandbox stands in for Twilio; `sandbox` is in the test's hands.

    It does so from `setUpTestData` on. Name it before `TestCase` among the bases.
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
