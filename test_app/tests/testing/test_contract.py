"""Every bundled method and every method of the test app passes the provider contract."""

from __future__ import annotations

import json
import re
from typing import Any

from django.core import mail
from django.test import TransactionTestCase
from twilio_2fa_passkey.testing import SoftwareAuthenticator
from twilio_2fa_push.challenges import asked_in
from twilio_2fa_push.testing import SoftwareBrowser
from twilio_2fa_recovery.models import SpentCode

from django_twilio_2fa.models import Purpose, Verification
from django_twilio_2fa.testing import ProviderContract

from ..helpers import six_digits
from ..pushes import sends


class TestSMS(ProviderContract, TransactionTestCase):
    method = "sms"


class TestCall(ProviderContract, TransactionTestCase):
    method = "call"


class TestWhatsApp(ProviderContract, TransactionTestCase):
    method = "whatsapp"


class TestEmail(ProviderContract, TransactionTestCase):
    method = "email"


class TestTOTP(ProviderContract, TransactionTestCase):
    method = "totp"
    secret = ""

    def confirmation(self, page: Any) -> dict[str, str]:
        found = re.search(r'class="twilio-2fa-secret"[^>]*>([A-Z2-7 ]+)<', page.content.decode())
        assert found
        self.secret = found[1]
        return {"token": self.sandbox.authenticator_code(self.secret)}

    def right_token(self, verification: Verification) -> str:
        return self.sandbox.next_authenticator_code(self.secret)


class TestPush(ProviderContract, TransactionTestCase):
    method = "push"

    def setUp(self) -> None:
        super().setUp()
        self.registered = SoftwareBrowser()

    def registration(self) -> dict[str, str]:
        return {"name": "My laptop", "public_key": self.registered.public_key}

    def confirmation(self, page: Any) -> dict[str, str]:
        return {"token": json.dumps(self.registered.confirm(json.loads(page.context["ceremony"])))}

    def answer(self, verification: Verification, *, approved: bool) -> None:
        """Answer as the script of the approvals page does. Answer nothing during a registration."""
        asked = asked_in(verification)
        if verification.purpose == Purpose.ENROL or asked is None:
            return
        if approved:
            signed = self.registered.answer(asked.shown, "approved", asked.number)
            sends(signed, asked.number)
        else:
            sends(self.registered.answer(asked.signed, "denied"))


class TestRecovery(ProviderContract, TransactionTestCase):
    method = "recovery"
    codes: list[str]

    def confirmation(self, page: Any) -> dict[str, str]:
        # A code without any letter would be read as a number of sixteen digits.
        self.codes = [c for c in page.context["codes"] if not c.replace("-", "").isdecimal()]
        return {"saved": "on"}

    def right_token(self, verification: Verification) -> str:
        return self.codes[SpentCode.objects.count()]

    def wrong_token(self, verification: Verification) -> str:
        return "0000-0000-0000-0000"


class TestPasskey(ProviderContract, TransactionTestCase):
    method = "passkey"
    method_settings = {
        "TWILIO_2FA_PASSKEY_RP_ID": "testserver",
        "TWILIO_2FA_PASSKEY_ORIGINS": ["https://testserver"],
    }

    def confirmation(self, page: Any) -> dict[str, str]:
        self.authenticator = SoftwareAuthenticator()
        return {"token": json.dumps(self.authenticator.create(json.loads(page.context["ceremony"])))}

    def right_token(self, verification: Verification) -> str:
        verification.refresh_from_db()
        return json.dumps(self.authenticator.get(self.provider.get_ceremony(verification)))

    def wrong_token(self, verification: Verification) -> str:
        answer = json.loads(self.right_token(verification))
        return json.dumps({**answer, "response": {**answer["response"], "signature": "AAAA"}})


class TestPasskeyKeptElsewhere(TestPasskey):
    method_settings = {
        **TestPasskey.method_settings,
        "TWILIO_2FA_PROVIDERS": {"passkey": "tests.testing.elsewhere.ElsewhereProvider"},
    }


class TestPigeon(ProviderContract, TransactionTestCase):
    method = "pigeon"
    method_settings = {"TWILIO_2FA_PROVIDERS": {"pigeon": "demo.pigeon.provider.PigeonProvider"}}

    def right_token(self, verification: Verification) -> str:
        return six_digits(mail.outbox[-1].body)


class TestLink(ProviderContract, TransactionTestCase):
    method = "link"
