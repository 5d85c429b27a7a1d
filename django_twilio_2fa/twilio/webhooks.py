"""Check the signature of Twilio's webhooks."""

from __future__ import annotations

import logging

from django.http import HttpRequest

from .client import auth_token

logger = logging.getLogger(__name__)

SIGNATURE = "X-Twilio-Signature"


def is_from_twilio(request: HttpRequest) -> bool:
    """Return whether the request is signed with the account's auth token.

    The signature includes the full URL, so Django has to know the site's host and scheme behind a proxy.
    Source: Twilio's documentation, "Validating requests are coming from Twilio".
    """
    from twilio.request_validator import RequestValidator

    token = auth_token()
    if not token:
        # Twilio does not sign webhooks with API keys.
        logger.error("A webhook cannot be checked: TWILIO_2FA_AUTH_TOKEN is not set")
        return False
    validator = RequestValidator(token)
    signature = request.headers.get(SIGNATURE, "")
    return bool(validator.validate(request.build_absolute_uri(), request.POST, signature))
