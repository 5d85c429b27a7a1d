"""Run the main flows against a real Twilio account: `make live`. Each step that costs money asks first.

It uses `Verifier`, as sites do, and a database in memory. Set `TWILIO_2FA_BASE_URL` to use a sandbox.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from typing import Any

NEEDED = ("TWILIO_2FA_ACCOUNT_SID", "TWILIO_2FA_AUTH_TOKEN", "TWILIO_2FA_SERVICE_ID")
NUMBER, ADDRESS = "a phone number with + and country code", "an e-mail address"
CHANNELS = {"sms": NUMBER, "call": NUMBER, "whatsapp": NUMBER, "email": ADDRESS}
LOOKUP_COST = "Twilio charges for one lookup of the line type"


class Skipped(Exception):
    """Raised if the person does not want this step, or cannot do it."""


def ask(question: str) -> str:
    """Return the answer of the person. Raise `Skipped` if there is no input."""
    try:
        return input(f"{question} ").strip()
    except EOFError:
        print()
        raise Skipped from None


def agree(step: str, cost: str) -> None:
    """Ask before money is spent. Raise `Skipped` unless the answer is yes."""
    if ask(f"{step}. This costs money: {cost}. Go on? [y/N]").lower() not in ("y", "yes"):
        raise Skipped


def configure() -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command

    from django_twilio_2fa import provider_apps
    from django_twilio_2fa.conf.limits import LIMITS

    told = {name: os.environ[name] for name in (*NEEDED, "TWILIO_2FA_BASE_URL") if os.environ.get(name)}
    settings.configure(
        **told,
        SECRET_KEY=secrets.token_hex(32),
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_twilio_2fa",
            *provider_apps(),
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TWILIO_2FA_SANDBOX=False,
        TWILIO_2FA_ALLOWED_METHODS=[*CHANNELS, "totp"],
        TWILIO_2FA_ALLOW_USERLESS=True,
        TWILIO_2FA_ALLOW_REMOVE_LAST=True,
        TWILIO_2FA_NOTIFY_OWNER=False,
        TWILIO_2FA_SEND_COOLDOWN=0,
        # One number may get three codes at once. Twilio's own limits apply.
        TWILIO_2FA_LIMITS=dict.fromkeys(LIMITS),
        # A separate step looks numbers up.
        TWILIO_2FA_PHONE_NUMBER_CARRIER_LOOKUP=False,
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", verbosity=0)


# The steps


def service() -> str:
    from django.test.utils import override_settings

    from django_twilio_2fa.conf import conf
    from django_twilio_2fa.twilio.service import fetch_service

    found = fetch_service()
    if found.code_length != conf.TOKEN_LENGTH:
        # Codes of another length are refused before Twilio is asked.
        override_settings(TWILIO_2FA_TOKEN_LENGTH=found.code_length).enable()
    return f"{found.friendly_name}, codes of {found.code_length} digits"


def lookup() -> str:
    from django_twilio_2fa.contacts import PhoneNumber
    from django_twilio_2fa.twilio.lookup import line_type

    agree("Look up a phone number", LOOKUP_COST)
    return str(line_type(PhoneNumber(ask(f"Enter {NUMBER}:"))) or "the line type is not known")


def channel(method: str) -> str:
    from django_twilio_2fa.providers.installed import get_providers
    from django_twilio_2fa.verifier import Verifier

    provider = get_providers()[method]
    agree(f"{provider.label}: send a code and check it", str(provider.cost))
    verifier = Verifier(flow=secrets.token_urlsafe(24))
    row = verifier.send(method, to=ask(f"Enter {CHANNELS[method]}:"))
    code = ask("Enter the code that came, or nothing if none came:")
    if not code:
        verifier.cancel(row)
        raise RuntimeError("no code came")
    refuse_wrong(verifier, row, code)
    return verifier.check(row, code).status


def authenticator() -> str:
    from django.contrib.auth import get_user_model

    from django_twilio_2fa.models import Device, PendingDeletion
    from django_twilio_2fa.providers.installed import get_providers
    from django_twilio_2fa.verifier import Verifier

    provider = get_providers()["totp"]
    agree(f"{provider.label}: register one, check a code and remove it", str(provider.cost))
    user = get_user_model().objects.create_user(f"live-{secrets.token_hex(4)}")
    verifier = Verifier(user, flow=secrets.token_urlsafe(24), auth="live")
    row = verifier.send("totp", enrol=True)
    try:
        print(f"Add this key to an authenticator app: {(row.secret or {})['secret']}")
        verifier.check(row, ask("Enter the code that the app shows:"))
        row = verifier.send("totp")
        code = ask("Wait for the next code of the app, and enter it:")
        refuse_wrong(verifier, row, code)
        status = verifier.check(row, code).status
    finally:
        # Delete the factor at Twilio, even after an error.
        if row.status == "pending":
            verifier.cancel(row)
        Device.objects.filter(user=user).delete()
    if PendingDeletion.objects.exists():
        raise RuntimeError("it could not be removed at Twilio")
    return f"{status}, and removed at Twilio"


def refuse_wrong(verifier: Any, row: Any, code: str) -> None:
    """Make sure that another code is refused."""
    from django_twilio_2fa import errors

    other = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}" if code.isdecimal() else "0" * 6
    try:
        verifier.check(row, other)
    except errors.InvalidVerificationCode:
        return
    raise RuntimeError("a wrong code was not refused")


STEPS: dict[str, Callable[[], str]] = {
    "service": service,
    "lookup": lookup,
    **{method: lambda method=method: channel(method) for method in CHANNELS},  # type: ignore[misc]
    "totp": authenticator,
}


def run(name: str) -> bool:
    """Run a step and print the result. Return False if the step failed."""
    from django_twilio_2fa import errors

    try:
        told = STEPS[name]()
    except Skipped:
        print(f"skipped  {name}")
        return True
    except errors.TwoFactorError as e:
        print(f"FAILED   {name}: {e.display} ({e.data.get('twilio_error', e.full_code)})")
        return False
    except RuntimeError as e:
        print(f"FAILED   {name}: {e}")
        return False
    print(f"ok       {name}: {told}")
    return True


def main() -> int:
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        print(f"Skipped: set {', '.join(missing)} to run it against an account.")
        return 0
    configure()
    print(f"Account {os.environ[NEEDED[0]]}. Nothing is sent, and nothing costs money, before you say yes.")
    # Without the service, nothing else works.
    if not run("service"):
        return 1
    passed = [run(name) for name in STEPS if name != "service"]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
