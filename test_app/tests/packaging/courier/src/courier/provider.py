"""A method that sends a code to the address that the user registered, by Django's e-mail backend."""

import secrets

from django.core.mail import send_mail
from django.utils.crypto import constant_time_compare

from django_twilio_2fa.digests import digest
from django_twilio_2fa.providers import Checked, MethodProvider, Sent


class CourierProvider(MethodProvider):
    label = "Courier"
    icon = "fas fa-truck"
    device_kind = "email"
    sent_wording = "handed to the courier"

    def start(self, verification, *, request=None):
        code = str(secrets.randbelow(900_000) + 100_000)
        send_mail("A parcel", f"The note says {code}.", None, [verification.destination])
        return Sent(data={"digest": digest("courier", verification.public_id, code)})

    def check(self, verification, token, *, request=None):
        kept = verification.data.get("digest", "")
        return Checked(approved=constant_time_compare(kept, digest("courier", verification.public_id, token)))
