"""Every method that ships, and the test app's own, keeps the contract."""

from __future__ import annotations

import re
from typing import Any

from django.core import mail
from django.test import TransactionTestCase
from twilio_2fa_recovery.models import SpentCode

from django_twilio_2fa.models import Verification
from django_twilio_2fa.testing import ProviderContract


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


class TestRecovery(ProviderContract, TransactionTestCase):
    method = "recovery"
    codes: list[str]

    def confirmation(self, page: Any) -> dict[str, str]:
        # One that happens to have no letter would be taken for a number of sixteen digits.
        self.codes = [c for c in page.context["codes"] if not c.replace("-", "").isdecimal()]
        return {"saved": "on"}

    def right_token(self, verification: Verification) -> str:
        return self.codes[SpentCode.objects.count()]

    def wrong_token(self, verification: Verification) -> str:
        return "0000-0000-0000-0000"


class TestPigeon(ProviderContract, TransactionTestCase):
    method = "pigeon"
    method_settings = {"TWILIO_2FA_PROVIDERS": {"pigeon": "demo.pigeon.provider.PigeonProvider"}}

    def right_token(self, verification: Verification) -> str:
        found = re.search(r"\d{6}", mail.outbox[-1].body)
        assert found
        return found[0]


class TestLink(ProviderContract, TransactionTestCase):
    method = "link"
