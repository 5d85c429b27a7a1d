"""Store the `Retry-After` of Twilio's last response, which the exceptions of twilio-python do not have."""

from contextvars import ContextVar

retry_after: ContextVar[int | None] = ContextVar("twilio_2fa_retry_after", default=None)
"""The seconds to wait, from Twilio's last response in this context."""
