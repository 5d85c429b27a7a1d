"""Read tokens out in a phone call."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.models import Verification
from django_twilio_2fa.providers import Diagnosis
from django_twilio_2fa.twilio.verify import VerifyProvider


class CallProvider(VerifyProvider):
    channel = "call"
    label = _("Phone call")
    icon = "fas fa-phone"
    order = 20
    device_kind = "phone_number"
    message_price = "0.0140"
    cost = "a verification and a call"
    sent_wording = _("read out in a phone call")
    sending_wording = _("We are calling the number ending {ending}. Enter the code you hear.")
    resent_wording = _("We are calling you now.")
    summary = _("We call you and read out a code. This works with landlines too.")
    device_summary = _("We call your phone ending {ending} and read out a code.")
    strength = "restricted out-of-band authenticator (5.1.3.3); must not be the default (2.7.1)"

    def options(self, verification: Verification, *, request: Any = None) -> dict[str, Any]:
        options = super().options(verification, request=request)
        if extension := verification.extension:
            # The switchboard gets two seconds to answer. Digits from the site's callback take precedence.
            options = {"send_digits": f"wwww{extension}", **options}
        return options

    def diagnose_service(self, service: Any) -> Diagnosis:
        if service.dtmf_input_required:
            return Diagnosis(True, "the service asks for a key to be pressed before it reads the code out")
        return Diagnosis(True, "the service asks for no key before it reads the code out")
