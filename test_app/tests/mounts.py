"""A site's own wizards, each mounted with one line beside the wizard of this package."""

from __future__ import annotations

from typing import Any

from demo.urls import urlpatterns as demo_patterns
from django import forms
from django.urls import include, path

from django_twilio_2fa.forms import PhoneNumberForm
from django_twilio_2fa.models import Verification
from django_twilio_2fa.views import VerificationWizardView

DONE: list[Any] = []


class TermsForm(forms.Form):
    agreed = forms.BooleanField()


class NoteForm(forms.Form):
    note = forms.CharField()


class OwnPhoneForm(PhoneNumberForm):
    nickname = forms.CharField(required=False)


class HelpfulPhoneForm(PhoneNumberForm):
    nickname = forms.CharField(help_text="What friends call it")
    told = forms.CharField(
        widget=forms.TextInput(attrs={"aria-describedby": "own"}), help_text="Said elsewhere"
    )


class HelpfulWizard(VerificationWizardView):
    form_list = [
        VerificationWizardView.form_list[0],
        ("register", HelpfulPhoneForm),
        VerificationWizardView.form_list[2],
    ]


class CheckoutWizard(VerificationWizardView):
    form_list = [
        ("terms", TermsForm),
        ("start", VerificationWizardView.form_list[0][1]),
        ("register", OwnPhoneForm),
        ("verify", VerificationWizardView.form_list[2][1]),
        ("note", NoteForm),
    ]
    methods = ("sms", "call")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def get_page_template_names(self, name: str, method: str = "") -> list[str]:
        if name == "start":
            return ["twilio_2fa/step.html"]
        return super().get_page_template_names(name, method)

    def on_success(self, verification: Verification) -> None:
        DONE.append((verification.method, self.get_cleaned_data_for_step("terms")))

    def get_success_url(self) -> str:
        return "/secret/"


class NoTermsWizard(CheckoutWizard):
    condition_dict = {"terms": lambda wizard: False, "note": lambda wizard: False}

    def on_success(self, verification: Verification) -> None:
        DONE.append(verification.method)


urlpatterns = [
    *demo_patterns,
    path("checkout/", include(CheckoutWizard.urls(), namespace="checkout")),
    path("helpful/", include(HelpfulWizard.urls(), namespace="helpful")),
    path("short/", include(NoTermsWizard.urls(), namespace="short")),
]
