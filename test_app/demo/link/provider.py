"""A method without a token: the waiting page continues when the user opens an e-mailed link."""

from __future__ import annotations

import secrets
from typing import Any

from django.core import signing
from django.core.mail import send_mail
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.models import Verification
from django_twilio_2fa.providers import Sent, WaitingProvider
from django_twilio_2fa.reverse import reverse

SALT = "demo.link"
NUMBERS = range(10, 100)
OFFERED = 3


class LinkProvider(WaitingProvider):
    label = _("Link by email")
    icon = "fas fa-link"
    on_by_default = False
    device_kind = "email"
    sent_wording = _("sent by email")
    cost = _("an e-mail of your own")
    strength = _("not an authenticator: proves access to a mailbox, not a device (5.1.3.1); 2.7.1")

    def get_urls(self) -> list[URLPattern]:
        from .views import AnswerView

        return [path("<str:signed>/", AnswerView.as_view(), name="answer")]

    def why_unavailable(self, *, user: Any, request: Any = None) -> str:
        return "" if request is not None else "without a request there is no address to link to"

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        # The link is signed, so that a person who sees only the waiting page cannot make it.
        signed = signing.dumps(str(verification.public_id), salt=SALT)
        url = request.build_absolute_uri(reverse("link:answer", request=request, args=[signed]))
        body = gettext("Open this to go on: {url}\n\nIf you did not ask for it, open it and say no.")
        send_mail(gettext("Is it you?"), body.format(url=url), None, [verification.destination])
        # Only the waiting page shows the number, so users cannot approve an attacker's request by mistake.
        numbers = secrets.SystemRandom().sample(NUMBERS, OFFERED)
        return Sent(data={"numbers": sorted(numbers), "number": numbers[0]})

    def get_api_message(self, verification: Verification) -> str:
        told = gettext("We have sent a link to {to}. Open it, pick {number} there, and go on here.")
        return told.format(to=verification.masked, number=verification.data.get("number"))

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        return {"number": verification.data.get("number")}
