"""A method with no token: a link by e-mail, opened anywhere, lets the page go on that waits."""

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
        # Nobody who only sees the page that waits can make the link: it is signed.
        signed = signing.dumps(str(verification.public_id), salt=SALT)
        url = request.build_absolute_uri(reverse("link:answer", request=request, args=[signed]))
        body = gettext("Open this to go on: {url}\n\nIf you did not ask for it, open it and say no.")
        send_mail(gettext("Is it you?"), body.format(url=url), None, [verification.destination])
        # Who is asked has to see the page that waits: a stranger's request cannot be waved through.
        numbers = secrets.SystemRandom().sample(NUMBERS, OFFERED)
        return Sent(data={"numbers": sorted(numbers), "number": numbers[0]})

    def get_api_message(self, verification: Verification) -> str:
        told = gettext("We have sent a link to {to}. Open it, pick {number} there, and go on here.")
        return told.format(to=verification.masked, number=verification.data.get("number"))

    def get_verify_context(self, verification: Verification, *, secret: dict[str, Any]) -> dict[str, Any]:
        return {"number": verification.data.get("number")}
