"""Describe the tables of other packages, and convert their rows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from ..authenticators import NotTaken, SharedSecret
from ..contacts import EmailAddress, PhoneNumber
from .tables import as_json

AUTHENTICATOR = "authenticator"

WHY_NOT = {
    "recovery codes": "recovery codes cannot be taken over: the user makes new ones",
    "security key": "security keys and passkeys cannot be taken over: the user registers them again",
    "counter": "codes that are counted (HOTP) are not supported",
    "remembered browser": "remembered browsers cannot be taken over",
}
"""The kinds of devices that cannot be taken over, each with the reason."""

# The names that these packages give to devices without asking users.
TECHNICAL_NAMES = ("default", "backup", "email")

Row = dict[str, Any]
Decrypt = Callable[[str], str]
Fields = dict[str, Any] | None


@dataclass(frozen=True)
class Found:
    """One row of another package. `user` is a primary key, or with `by_name` the name of a user.

    `kind` is a kind of device, or a name for what cannot be taken over. `value` is empty for the user's own
    e-mail address. `why_not` is the reason why the row cannot be taken over, or empty.
    """

    key: str
    user: Any
    kind: str
    value: str = ""
    secret: SharedSecret | None = None
    name: str = ""
    by_name: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class Table:
    """One table, with a function that returns the fields of `Found` for a row, or None to skip the row."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[Row, Decrypt], Fields]

    def found(self, rows: Iterator[Row], decrypt: Decrypt) -> Iterator[Found]:
        """Yield the devices in the rows."""
        for row in rows:
            name = str(row.get("name") or "")
            about: Row = {"key": f"{self.name}:{row['id']}", "user": row.get("user_id")}
            about["name"] = "" if name in TECHNICAL_NAMES else name
            if not row.get("confirmed", True):
                # The user has never confirmed this device with a code.
                continue
            try:
                told = self.read(row, decrypt)
            except NotTaken as e:
                told = {"kind": AUTHENTICATOR, "why_not": str(e)}
            if told is not None:
                yield Found(**{**about, **told})


def _not_taken(kind: str) -> dict[str, Any]:
    return {"kind": kind, "why_not": WHY_NOT.get(kind, "this kind is not supported")}


def _always(kind: str) -> Callable[[Row, Decrypt], Fields]:
    return lambda row, decrypt: _not_taken(kind)


def _secret(text: Any, **how: Any) -> dict[str, Any]:
    return {"kind": AUTHENTICATOR, "secret": SharedSecret(str(text or ""), **how)}


# django-otp


def _otp_totp(row: Row, decrypt: Decrypt) -> Fields:
    try:
        secret = base64.b32encode(binascii.unhexlify(decrypt(str(row["key"])))).decode()
    except ValueError:
        raise NotTaken("its secret cannot be read") from None
    if row.get("t0"):
        raise NotTaken("its codes do not begin at the Unix epoch (t0)")
    return _secret(secret, period=int(row.get("step") or 30), digits=int(row.get("digits") or 6))


def _otp_email(row: Row, decrypt: Decrypt) -> Fields:
    return {"kind": EmailAddress.kind, "value": str(row.get("email") or "")}


def _phone(row: Row, decrypt: Decrypt) -> Fields:
    return {"kind": PhoneNumber.kind, "value": str(row.get("number") or "")}


DEVICE = ("id", "user_id", "name", "confirmed")

DJANGO_OTP = (
    Table("otp_totp_totpdevice", (*DEVICE, "key", "step", "t0", "digits"), _otp_totp),
    Table("otp_email_emaildevice", (*DEVICE, "email"), _otp_email),
    Table("otp_twilio_twiliosmsdevice", (*DEVICE, "number"), _phone),
    Table("otp_hotp_hotpdevice", DEVICE, _always("counter")),
    Table("otp_static_staticdevice", DEVICE, _always("recovery codes")),
)

# django-two-factor-auth, which builds on django-otp

TWO_FACTOR = (
    Table("two_factor_phonedevice", (*DEVICE, "number"), _phone),
    Table("two_factor_webauthndevice", DEVICE, _always("security key")),
    *DJANGO_OTP,
)

# allauth.mfa


def _allauth(row: Row, decrypt: Decrypt) -> Fields:
    if row["type"] == "recovery_codes":
        return _not_taken("recovery codes")
    if row["type"] == "webauthn":
        return _not_taken("security key")
    if row["type"] != "totp":
        return _not_taken(str(row["type"]))
    period = getattr(settings, "MFA_TOTP_PERIOD", 30)
    digits = getattr(settings, "MFA_TOTP_DIGITS", 6)
    return _secret(decrypt(str(as_json(row["data"]).get("secret") or "")), period=period, digits=digits)


ALLAUTH_MFA = (Table("mfa_authenticator", ("id", "user_id", "type", "data"), _allauth),)

# django-mfa2 and django-mfa3, whose apps are both called `mfa`


def _mfa2(row: Row, decrypt: Decrypt) -> Fields:
    about = {"user": str(row["username"]), "by_name": True}
    kind = str(row["key_type"])
    if not row.get("enabled", True):
        return None
    if kind == "TOTP":
        try:
            return about | _secret(decrypt(str(as_json(row["properties"]).get("secret_key") or "")))
        except NotTaken as e:
            return about | {"kind": AUTHENTICATOR, "why_not": str(e)}
    if kind == "Email":
        return {**about, "kind": EmailAddress.kind}
    kinds = {"RECOVERY": "recovery codes", "Trusted Device": "remembered browser"}
    return about | _not_taken(kinds.get(kind, "security key"))


def _mfa3(row: Row, decrypt: Decrypt) -> Fields:
    if row["method"] == "TOTP":
        return _secret(decrypt(str(row["secret"] or "")))
    return _not_taken("recovery codes" if row["method"] == "recovery" else "security key")


MFA = (
    Table("mfa_user_keys", ("id", "username", "properties", "key_type", "enabled"), _mfa2),
    Table("mfa_mfakey", ("id", "user_id", "method", "name", "secret"), _mfa3),
)

SOURCES: dict[str, tuple[Table, ...]] = {
    "django_otp": DJANGO_OTP,
    "two_factor": TWO_FACTOR,
    "allauth_mfa": ALLAUTH_MFA,
    "mfa": MFA,
}
