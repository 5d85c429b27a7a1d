"""Choose the label that an authenticator app shows. Each factor of a site has a different label."""

from __future__ import annotations

import re
from base64 import b32encode
from typing import Any

from django.db.models import CharField
from django.utils.translation import gettext

from django_twilio_2fa.conf import conf
from django_twilio_2fa.digests import digest, digests
from django_twilio_2fa.models import Device

LONGEST = 64
"""The maximum length of a label. Source: Twilio's OpenAPI description of a factor's FriendlyName."""
LONGEST_ACCOUNT = 48
"""The maximum length of the account in a label, which leaves room for the name of the device."""
TAG = 6

# A colon ends the service's name. Spaces and brackets separate the account from the rest of the label.
PLAIN = re.compile(r"[^\s:()\[\]]+")


def label_of(user: Any, name: str, *, request: Any = None) -> str:
    """Return the label of a user's next authenticator: `sam`, `Work phone (sam)`, or `sam #2`."""
    account = _account(user, request)
    taken = {
        d.get("label") for d in Device.objects.filter(user=user, kind="totp").values_list("data", flat=True)
    }
    number = 1
    while True:
        label = _joined(account, _clean(name), "" if number == 1 else str(number))
        if taken.isdisjoint(digests("totp label", label)):
            return label
        number += 1


def kept_of(label: str) -> str:
    """Return the digest of a label, which is stored to compare it with the user's other labels."""
    return digest("totp label", label)


def _account(user: Any, request: Any) -> str:
    """Return a text that identifies the user's account among all accounts."""
    told = conf.resolve("TOTP_LABEL_CB", user=user, request=request)
    account = _clean(str(told if told is not None else user.get_username()))
    if _is_the_users_alone(user, account):
        return account
    tag = b32encode(bytes.fromhex(digest("totp account", user.pk))).decode()[:TAG].lower()
    # xgettext does not find strings within f-strings.
    shown = account[: LONGEST_ACCOUNT - TAG - 3] or gettext("Account")
    return f"{shown} [{tag}]"


def _is_the_users_alone(user: Any, account: str) -> bool:
    """Return whether the text is the value of a unique field of the user."""
    if len(account) > LONGEST_ACCOUNT or not PLAIN.fullmatch(account):
        return False
    options = user._meta
    alone = {c.fields[0] for c in options.total_unique_constraints if len(c.fields) == 1}
    fields = (
        f for f in options.concrete_fields if isinstance(f, CharField) and (f.unique or f.name in alone)
    )
    return any(f.value_from_object(user) == account for f in fields)


def _clean(text: str) -> str:
    """Return a text as one printable line without colons."""
    return " ".join("".join(c if c.isprintable() and c != ":" else " " for c in text).split())


def _joined(account: str, name: str, number: str) -> str:
    if not name:
        return f"{account} #{number}" if number else account
    rest = f" {number} ({account})" if number else f" ({account})"
    return f"{name[: LONGEST - len(rest)].rstrip()}{rest}"
