"""Let time pass by moving stored times back, also in the sandbox. Counters stay in their windows."""

from django_twilio_2fa.testing.site import move_rows as pass_time

__all__ = ["pass_time"]
