from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.forms import RegistrationForm, TokenForm, WaitingForm
from django_twilio_2fa.tokens import LONGEST_INPUT

from . import codes


class NewCodesForm(RegistrationForm):
    """Nothing to fill in: the next page shows the codes."""


class SavedForm(WaitingForm):
    """The codes are good once their owner says that they have them."""

    saved = forms.BooleanField(
        label=_("I have saved these codes in a safe place."),
        error_messages={"required": _("Save the codes first: they are not shown again.")},
    )


class RecoveryCodeForm(TokenForm):
    token = forms.CharField(
        label=_("Recovery code"),
        max_length=LONGEST_INPUT,
        error_messages={"required": _("Enter the code.")},
        widget=forms.TextInput(
            attrs={
                "class": "twilio-2fa-token-long",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "dir": "ltr",
            }
        ),
    )

    def clean_token(self) -> str:
        try:
            return codes.normalize(self.cleaned_data["token"])
        except errors.InvalidVerificationCode:
            raise ValidationError(
                _("A recovery code has %(length)d characters: digits, and letters from a to f.")
                % {"length": codes.LENGTH},
                code="invalid_verification_code",
            ) from None
