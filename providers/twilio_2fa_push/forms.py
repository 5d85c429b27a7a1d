from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.forms import RegistrationForm, WaitingForm

from . import keys

LONGEST_NAME = 64
LONGEST_ANSWER = 500
ANSWERS = {"signature": re.compile(r"[A-Za-z0-9+/]{1,200}={0,2}"), "factor_sid": keys.FACTOR}


class NoKey(errors.BadUserData):
    """The browser has sent no key, or a key that is not a P-256 key."""

    message = _(
        "Your browser did not make a key. Switch on JavaScript, use another browser, or try another way."
    )


class NoSignature(errors.InvalidVerificationCode):
    """The answer does not have the form of a browser's answer. It does not count as an attempt."""

    message = _("Your browser did not sign the answer. Try again, or try another way.")


def check_key(public_key: str) -> str:
    """Return a public key. Raises `NoKey` unless it is base64 SPKI of a P-256 key."""
    try:
        keys.load(public_key)
    except ValueError:
        raise NoKey from None
    return public_key


def read_answer(text: str) -> dict[str, str]:
    """Return the confirmation of a device: a `signature`, or an app's `factor_sid`. Raises `NoSignature`."""
    try:
        found = json.loads(text) if len(text) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or len(found) != 1:
        raise NoSignature
    [(name, value)] = found.items()
    if name not in ANSWERS or not isinstance(value, str) or not ANSWERS[name].fullmatch(value):
        raise NoSignature
    return found


class BrowserForm(RegistrationForm):
    """Ask for a name of this browser. The page's script makes a key and adds the public key."""

    name = forms.CharField(
        label=_("Name of this browser (optional)"),
        help_text=_("For example, the device it is on."),
        max_length=LONGEST_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    public_key = forms.CharField(
        max_length=keys.LONGEST_KEY,
        widget=forms.HiddenInput,
        error_messages={"required": NoKey.message, "max_length": NoKey.message},
    )

    def clean_public_key(self) -> str:
        try:
            return check_key(self.cleaned_data["public_key"])
        except NoKey as e:
            raise ValidationError(e.display, code=e.code) from None

    @property
    def registration_data(self) -> dict[str, str]:
        return {"public_key": self.cleaned_data["public_key"]}


class SignatureForm(WaitingForm):
    """The signature that confirms a browser. The page's script fills it in."""

    token = forms.CharField(
        max_length=LONGEST_ANSWER,
        widget=forms.HiddenInput,
        error_messages={"required": NoSignature.message, "max_length": NoSignature.message},
    )
    field_order = ("token", "verification")

    def clean_token(self) -> Any:
        try:
            read_answer(self.cleaned_data["token"])
        except NoSignature as e:
            raise ValidationError(e.display, code=e.code) from None
        return self.cleaned_data["token"]
