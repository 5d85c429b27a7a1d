"""The methods that resist phishing."""

from __future__ import annotations

from typing import Any

from django_twilio_2fa.access import PHISHING_RESISTANT


def test_phishing_resistant_methods_are_found_by_attribute(settings: Any) -> None:
    assert [*PHISHING_RESISTANT] == ["passkey"]
    assert len(PHISHING_RESISTANT) == 1
    assert "sms" not in PHISHING_RESISTANT
    assert "no method" not in PHISHING_RESISTANT
    settings.TWILIO_2FA_PROVIDERS = {"key": "twilio_2fa_passkey.provider.PasskeyProvider", "passkey": None}
    assert [*PHISHING_RESISTANT] == ["key"]
