from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa import errors
from django_twilio_2fa.forms import RegistrationForm, TokenForm, WaitingForm
from django_twilio_2fa.tokens import LONGEST_INPUT

from . import codes


class NewCodesForm(RegistrationForm):
    """A form without fields. The next page shows the codes."""


class SavedForm(WaitingForm):
    """Ask the user to confirm that they have saved the codes. The codes work only after that."""

    saved = forms.BooleanField(
        label=_("I have saved my recovery codes"),
        error_messages={"required": _("Tick to say you have saved your recovery codes")},
    )


class RecoveryCodeForm(TokenForm):
    counts_digits = False

    token = forms.CharField(
        label=_("Recovery code"),
        help_text=_("It looks like 5762-ccbc-9c40-0eda. You can leave out the dashes."),
        max_length=LONGEST_INPUT,
        error_messages={"required": _("Enter a recovery code")},
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
                _("Enter a recovery code, like 5762-ccbc-9c40-0eda") % {"length": codes.LENGTH},
                code="invalid_verification_code",
            ) from None
