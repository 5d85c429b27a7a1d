from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.forms import RegistrationForm, WaitingForm

from . import answers

LONGEST_NAME = 64


class PasskeyNameForm(RegistrationForm):
    """Ask for a name, so that users can distinguish their passkeys."""

    name = forms.CharField(
        label=_("Name for this passkey (optional)"),
        help_text=_("For example, the device that keeps it"),
        max_length=LONGEST_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class PasskeyForm(WaitingForm):
    """The answer of the browser. The page's script fills it in."""

    token = forms.CharField(
        max_length=answers.LONGEST,
        widget=forms.HiddenInput,
        error_messages={"required": answers.NoPasskey.message, "max_length": answers.NoPasskey.message},
    )
    field_order = ("token", "verification")

    def clean_token(self) -> Any:
        token = self.cleaned_data["token"]
        try:
            answers.parse(token)
        except answers.NoPasskey as e:
            raise ValidationError(e.display, code=e.code) from None
        return token
