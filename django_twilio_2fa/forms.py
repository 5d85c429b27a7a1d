"""Define the forms of the steps. Validating a form sends nothing and counts nothing."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import errors, tokens
from .conf import conf
from .contacts import Contact, EmailAddress, PhoneNumber, countries


def describe_fields(form: Any) -> None:
    """Have each input say whether it is invalid, and what its help and its error are called.

    Django does so by itself from 5.2 on, with the same ids; 4.2 is told here.
    """
    if not isinstance(form, forms.BaseForm):
        # A formset, whose forms a site's own template shows.
        return
    wrong = [bound for bound in form.visible_fields() if bound.errors]
    for bound in form.visible_fields():
        if wrong:
            # Where one has to type again.
            bound.field.widget.attrs.pop("autofocus", None)
    if wrong:
        wrong[0].field.widget.attrs["autofocus"] = True
    for bound in form.visible_fields():
        attrs = bound.field.widget.attrs
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
    """Base of the forms that ask for a device; `contact` is what a valid one holds."""

    contact_field: str = ""

    def __init__(self, *args: Any, user: Any = None, request: Any = None, **kwargs: Any) -> None:
        self.user = user
        self.request = request
        super().__init__(*args, **kwargs)

    @property
    def contact(self) -> Contact | None:
        """The number or address that codes go to. None for a device that nothing is sent to."""
        return self.cleaned_data.get("contact")

    def fields_for(self, contact: Contact) -> dict[str, str]:
        """Return the fields to post to register a contact again; empty if that is not possible."""
        return {}

    @classmethod
    def initial_of(cls, contact: Contact) -> dict[str, Any]:
        """Return the fields' values for a number or an address that was typed before."""
        return {cls.contact_field: str(contact)} if cls.contact_field else {}

    @property
    def device_name(self) -> str:
        """The user's name for the device."""
        return str(self.cleaned_data.get("name") or "")


class PhoneNumberForm(RegistrationForm):
    """A country and a number; a number typed with `+` is judged by its own country."""

    contact_field = "phone_number"

    country_code = forms.ChoiceField(
        label=_("Country"), widget=forms.Select(attrs={"autocomplete": "tel-country-code"})
    )
    phone_number = forms.CharField(
        label=_("Phone number"),
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
        field.choices = [(code, f"{name} (+{calling})") for code, name, calling in rows]
        default = conf.resolve("PHONE_NUMBER_DEFAULT_REGION", user=self.user, request=self.request)
        if default in {code for code, _name, _calling in rows}:
            field.initial = default

    def fields_for(self, contact: Contact) -> dict[str, str]:
        field = cast(forms.ChoiceField, self.fields["country_code"])
        extension = getattr(contact, "extension", "")
        # With a plus it is judged by its own country, whichever is chosen.
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
    """An e-mail address."""

    contact_field = "email"

    email = forms.CharField(
        label=_("E-mail address"),
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
    """Nothing to be typed. `verification` says which page it is, where two tabs are open."""

    verification = forms.UUIDField(required=False, widget=forms.HiddenInput)


class TokenForm(WaitingForm):
    """The token."""

    length: int | None = None
    """How many digits; None for as many as `TOKEN_LENGTH` says."""

    token = forms.CharField(
        label=_("Code"),
        max_length=tokens.LONGEST_INPUT,
        error_messages={"required": _("Enter the code.")},
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

    def clean_token(self) -> str:
        length = self.length or conf.TOKEN_LENGTH
        try:
            return tokens.normalize(self.cleaned_data["token"], length)
        except errors.InvalidVerificationCode as e:
            message = _("A code has %(length)d digits.") % {"length": length}
            if e.code in conf.ERROR_DISPLAY:
                message = e.display
            raise ValidationError(message, code="invalid_verification_code") from None


class CustomTokenForm(TokenForm):
    """A token that the site has made up itself: not of digits only, perhaps, nor as long as others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].widget.attrs["inputmode"] = "text"

    def clean_token(self) -> str:
        try:
            return tokens.custom(self.cleaned_data["token"])
        except errors.InvalidVerificationCode as e:
            raise ValidationError(e.display, code=e.code) from None
