"""Make the tables of another package with the package installed, or take them over without the package.

Run as `python drive.py make|take SOURCE DATABASE`. `take` prints as JSON what was taken over.
"""

from __future__ import annotations

import json
import sys
import warnings
from io import StringIO
from typing import Any

import django
from django.conf import settings

warnings.simplefilter("ignore")
MODE, SOURCE, DATABASE = sys.argv[1:]
OTP = ["django_otp", *(f"django_otp.plugins.otp_{name}" for name in ("totp", "email", "static"))]
PACKAGES = {
    "django_otp": [
        "django_otp",
        *(f"django_otp.plugins.otp_{p}" for p in ("totp", "email", "static", "hotp")),
    ],
    "two_factor": [
        "django_otp",
        *(f"django_otp.plugins.otp_{p}" for p in ("totp", "email", "static")),
        "two_factor",
        "two_factor.plugins.phonenumber",
        "two_factor.plugins.email",
    ],
    "allauth_mfa": ["allauth", "allauth.account", "allauth.mfa"],
    "mfa": ["django.contrib.admin", "mfa"],
}
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PHONE, EMAIL = "+12025550143", "sam@example.com"
contrib = ["auth", "contenttypes", "sessions", "messages"]
own = ["django_twilio_2fa", "django_twilio_2fa.sandbox", "twilio_2fa_totp", "widget_tweaks", "formtools"]
settings.configure(
    DEBUG=True,
    SECRET_KEY="import",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    INSTALLED_APPS=[
        *(f"django.contrib.{n}" for n in contrib),
        *(PACKAGES[SOURCE] if MODE == "make" else own),
    ],
    MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"] if SOURCE == "allauth_mfa" else [],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TWILIO_2FA_SANDBOX=True,
    MFA_DOMAIN="localhost",
    MFA_SITE_TITLE="Shop",
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

call_command("migrate", verbosity=0)


def make() -> None:
    sam = User.objects.create_user("sam", email=EMAIL)
    pat = User.objects.create_user("pat")
    MAKERS[SOURCE](sam, pat)


def make_django_otp(sam: Any, pat: Any) -> None:
    from base64 import b32decode

    from django_otp.plugins.otp_email.models import EmailDevice
    from django_otp.plugins.otp_hotp.models import HOTPDevice
    from django_otp.plugins.otp_static.models import StaticDevice
    from django_otp.plugins.otp_totp.models import TOTPDevice

    TOTPDevice.objects.create(user=sam, name="Work", key=b32decode(SECRET).hex())
    TOTPDevice.objects.create(user=pat, name="eight", digits=8)
    TOTPDevice.objects.create(user=pat, name="never confirmed", confirmed=False)
    EmailDevice.objects.create(user=sam, name="email")
    EmailDevice.objects.create(user=pat, name="mail", email="pat@example.com")
    StaticDevice.objects.create(user=sam, name="codes").token_set.create(token="abcdefg")
    HOTPDevice.objects.create(user=pat, name="counter")


def make_two_factor(sam: Any, pat: Any) -> None:
    from base64 import b32decode

    from django_otp.plugins.otp_totp.models import TOTPDevice
    from two_factor.plugins.phonenumber.models import PhoneDevice

    PhoneDevice.objects.create(user=sam, name="default", number=PHONE, method="sms")
    PhoneDevice.objects.create(user=pat, name="backup", number="+4915112345678", method="call")
    TOTPDevice.objects.create(user=sam, name="default", key=b32decode(SECRET).hex())


def make_allauth_mfa(sam: Any, pat: Any) -> None:
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=sam, type="totp", data={"secret": SECRET})
    Authenticator.objects.create(user=sam, type="recovery_codes", data={"seed": "00", "used_mask": 0})
    Authenticator.objects.create(user=pat, type="webauthn", data={"name": "Key"})


def make_mfa(sam: Any, pat: Any) -> None:
    from mfa.models import MFAKey

    MFAKey.objects.create(user=sam, method="TOTP", name="Work", secret=SECRET)
    MFAKey.objects.create(user=sam, method="recovery", name="codes", secret="pbkdf2_sha256$1$a$b")
    MFAKey.objects.create(user=pat, method="FIDO2", name="Key", secret="a")


MAKERS = {
    "django_otp": make_django_otp,
    "two_factor": make_two_factor,
    "allauth_mfa": make_allauth_mfa,
    "mfa": make_mfa,
}


def take() -> dict[str, Any]:
    from django_twilio_2fa.authenticators import SharedSecret
    from django_twilio_2fa.models import Device
    from django_twilio_2fa.sandbox import clock
    from django_twilio_2fa.verifier import Verifier

    def run(*options: str) -> Any:
        out = StringIO()
        call_command("twilio_2fa_import", SOURCE, "--json", *options, stdout=out)
        return json.loads(out.getvalue())

    told: dict[str, Any] = {"dry": run("--dry-run"), "stored": Device.objects.count()}
    told["first"], told["second"] = run(), run()
    told["devices"] = sorted(
        [d.user.username, d.kind, d.name, d.masked] for d in Device.objects.select_related("user")
    )
    sam = User.objects.get(username="sam")
    totp = Device.objects.filter(user=sam, kind="totp").first()
    if totp is not None:
        # Sam's app still shows valid codes. The import has used one, so take a later one.
        clock.ahead += 60
        verifier = Verifier(sam, flow="a flow")
        code = SharedSecret(SECRET).code(clock.time())
        told["verified"] = verifier.check(verifier.send("totp", device=str(totp.pk)), code).status
    return told


if MODE == "make":
    make()
else:
    sys.stdout.write(json.dumps(take()))
