"""The `Retry-After` of Twilio's last answer, which the exceptions of twilio-python drop."""

from contextvars import ContextVar

retry_after: ContextVar[int | None] = ContextVar("twilio_2fa_retry_after", default=None)
"""Seconds that Twilio's last answer in this context asked to wait."""
