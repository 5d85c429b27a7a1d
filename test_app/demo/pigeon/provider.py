"""Codes by carrier pigeon, which are sent with Django's e-mail backend."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.mail import send_mail
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_twilio_2fa.conf import conf
from django_twilio_2fa.digests import digest, digests
from django_twilio_2fa.models import Verification
from django_twilio_2fa.providers import Checked, MethodProvider, Sent


class PigeonProvider(MethodProvider):
    label = _("Carrier pigeon")
    icon = "fas fa-dove"
    device_kind = "email"
    sent_wording = _("sent by pigeon")

    def start(self, verification: Verification, *, request: Any = None) -> Sent:
        length = conf.TOKEN_LENGTH
        code = f"{secrets.randbelow(10**length):0{length}d}"
        body = gettext("Your code is {code}.").format(code=code)
        send_mail(gettext("A pigeon for you"), body, None, [verification.destination])
        # Only a keyed digest for this verification is stored, never the code.
        return Sent(data={"digest": digest("pigeon", verification.public_id, code)})

    def check(self, verification: Verification, token: str, *, request: Any = None) -> Checked:
        kept = verification.data.get("digest", "")
        # Earlier keys are tried as well, so that a code still works after a rotation of the key.
        matches = [constant_time_compare(kept, d) for d in digests("pigeon", verification.public_id, token)]
        return Checked(approved=any(matches))
