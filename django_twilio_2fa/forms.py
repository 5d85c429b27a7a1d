"""Define the forms of the steps. Validating a form sends nothing and counts nothing."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_bidi, ngettext
from django.utils.translation import gettext_lazy as _

from . import errors, tokens
from .conf import conf
from .contacts import Contact, EmailAddress, PhoneNumber, countries, main_countries


def describe_fields(form: Any) -> None:
    """Set `aria-invalid` and `aria-describedby` on each input of a form.

    Django 5.2 does this itself, with the same ids. Earlier versions need this function.
    """
    if not isinstance(form, forms.BaseForm):
        # A formset. The site's own template renders its forms.
        return
    if isinstance(form, TokenForm):
        form.describe_token()
    for bound in form.visible_fields():
        attrs = bound.field.widget.attrs
        if form.errors:
            # The summary of the errors takes the focus.
            attrs.pop("autofocus", None)
        if bound.errors:
            attrs["aria-invalid"] = "true"
        names = [("helptext", bound.help_text), ("error", bound.errors)]
        described = " ".join(f"{bound.auto_id}_{name}" for name, there in names if there)
        if described and bound.auto_id and not bound.field.widget.use_fieldset:
            attrs.setdefault("aria-describedby", described)


class StartForm(forms.Form):
    """Choose a method, and a device if there are several."""

    method = forms.CharField(max_length=64, widget=forms.HiddenInput)
    device = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class RegistrationForm(forms.Form):
    """Base of the forms of the register page. After validation, `contact` has the number or address."""

    contact_field: str = ""

    def __init__(self, *args: Any, user: Any = None, request: Any = None, **kwargs: Any) -> None:
        self.user = user
        self.request = request
        super().__init__(*args, **kwargs)

    @property
    def contact(self) -> Contact | None:
        """The number or address. None for a device without one."""
        return self.cleaned_data.get("contact")

    def fields_for(self, contact: Contact) -> dict[str, str]:
        """Return the fields to post to register a contact again. Empty if that is not possible."""
        return {}

    @classmethod
    def initial_of(cls, contact: Contact) -> dict[str, Any]:
        """Return the initial values of the fields for a number or address that was entered before."""
        return {cls.contact_field: str(contact)} if cls.contact_field else {}

    @property
    def device_name(self) -> str:
        """The user's name for the device."""
        return str(self.cleaned_data.get("name") or "")

    @property
    def registration_data(self) -> dict[str, str]:
        """The data that a provider's `start` needs besides the name, such as a public key of the browser."""
        return {}


class PhoneNumberForm(RegistrationForm):
    """The form for a country and a phone number. After a `+`, the calling code determines the country."""

    contact_field = "phone_number"

    country_code = forms.ChoiceField(
        label=_("Country code"), widget=forms.Select(attrs={"autocomplete": "country"})
    )
    phone_number = forms.CharField(
        label=_("Phone number"),
        help_text=_("For example, 202 555 0143"),
        error_messages={"required": _("Enter your phone number")},
        max_length=64,
        widget=forms.TextInput(
            attrs={"type": "tel", "autocomplete": "tel-national", "inputmode": "tel", "autofocus": True}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = countries(
            conf.resolve("PHONE_NUMBER_ALLOWED_COUNTRIES", user=self.user, request=self.request),
            conf.resolve("PHONE_NUMBER_DISALLOWED_COUNTRIES", user=self.user, request=self.request),
        )
        field = cast(forms.ChoiceField, self.fields["country_code"])
        # Keep the plus before its digits in right-to-left languages.
        plus, end = ("\u2066+", "\u2069") if get_language_bidi() else ("+", "")
        field.choices = [(code, f"{name} ({plus}{calling}{end})") for code, name, calling in rows]
        # For the script that selects the country of a number that begins with a plus.
        field.widget.attrs["data-main-countries"] = json.dumps(main_countries(rows))
        default = conf.resolve("PHONE_NUMBER_DEFAULT_REGION", user=self.user, request=self.request)
        if default in {code for code, _name, _calling in rows}:
            field.initial = default

    def fields_for(self, contact: Contact) -> dict[str, str]:
        field = cast(forms.ChoiceField, self.fields["country_code"])
        extension = getattr(contact, "extension", "")
        # The number begins with a plus, so `country_code` does not change its meaning.
        number = f"{contact};ext={extension}" if extension else str(contact)
        return {"country_code": str(field.initial or ""), "phone_number": number}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        number, country = data.get("phone_number"), data.get("country_code")
        if number and country:
            try:
                data["contact"] = PhoneNumber(number, country)
            except errors.InvalidPhoneNumber as e:
                self.add_error("phone_number", ValidationError(e.display, code=e.code))
        return data

    @classmethod
    def initial_of(cls, contact: Contact) -> dict[str, Any]:
        if not isinstance(contact, PhoneNumber) or not contact.country_code:
            return super().initial_of(contact)
        number = contact.national_format
        if contact.extension:
            number = f"{number} ext. {contact.extension}"
        return {"country_code": contact.country_code, "phone_number": number}


class EmailForm(RegistrationForm):
    """The form for an e-mail address."""

    contact_field = "email"

    email = forms.CharField(
        label=_("Email address"),
        error_messages={"required": _("Enter your email address")},
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def fields_for(self, contact: Contact) -> dict[str, str]:
        return {"email": str(contact)}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if email := data.get("email"):
            try:
                data["contact"] = EmailAddress(email)
            except errors.BadUserData as e:
                self.add_error("email", ValidationError(e.display, code=e.code))
        return data


REGISTRATION_FORMS: dict[str, type[RegistrationForm]] = {
    PhoneNumber.kind: PhoneNumberForm,
    EmailAddress.kind: EmailForm,
}


class WaitingForm(forms.Form):
    """The form of a page that waits for an approval. It has no field for a token."""

    verification = forms.UUIDField(required=False, widget=forms.HiddenInput)


def why_no_code(text: str, length: int) -> str:
    """Return the message for a text that is not a code of this length."""
    entered = sum(c.isdigit() for c in text)
    if any(c.isalpha() for c in text) or entered == length:
        text = ngettext("The code must be %(n)d number", "The code must be %(n)d numbers", length)
    elif entered < length:
        text = ngettext(
            "You have not entered enough numbers. The code must be %(n)d number",
            "You have not entered enough numbers. The code must be %(n)d numbers",
            length,
        )
    else:
        text = ngettext(
            "You have entered too many numbers. The code must be %(n)d number",
            "You have entered too many numbers. The code must be %(n)d numbers",
            length,
        )
    return text % {"n": length}


class TokenForm(WaitingForm):
    """The form for a token."""

    length: int | None = None
    """The number of digits of a code. None for `TOKEN_LENGTH`."""
    counts_digits: ClassVar[bool] = True
    """True if a code has exactly `length` digits, so that the page may submit the form once it is full."""

    token = forms.CharField(
        label=_("Security code"),
        max_length=tokens.LONGEST_INPUT,
        error_messages={"required": _("Enter your security code")},
        widget=forms.TextInput(
            attrs={
                "class": "twilio-2fa-token",
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
                "dir": "ltr",
            }
        ),
    )
    field_order = ("token", "verification")

    def describe_token(self) -> None:
        """Add the length of a code to the help text, and let the page submit a full code."""
        if not self.counts_digits:
            return
        length = self.length or conf.TOKEN_LENGTH
        text = ngettext("The code is %(n)d number", "The code is %(n)d numbers", length)
        # A validated form has already created its bound field.
        self["token"].help_text = self.fields["token"].help_text = text % {"n": length}
        if conf.SUBMIT_FULL_CODE and len(self.visible_fields()) == 1:
            # With other visible fields, the user presses the button.
            self.fields["token"].widget.attrs["data-submit-when-full"] = length

    def clean_token(self) -> str:
        length = self.length or conf.TOKEN_LENGTH
        text = self.cleaned_data["token"]
        try:
            return tokens.normalize(text, length)
        except errors.InvalidVerificationCode as e:
            message = e.display if e.code in conf.ERROR_DISPLAY else why_no_code(text, length)
            raise ValidationError(message, code="invalid_verification_code") from None


class CustomTokenForm(TokenForm):
    """The form for a code that the site has chosen (`custom_code`). It may have letters and any length."""

    counts_digits = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].widget.attrs["inputmode"] = "text"

    def clean_token(self) -> str:
        try:
            return tokens.custom(self.cleaned_data["token"])
        except errors.InvalidVerificationCode as e:
            raise ValidationError(e.display, code=e.code) from None
