"""Time passes by moving what is stored back, in the kit and at the sandbox; counts stay in their windows."""

from django_twilio_2fa.testing.site import move_rows as pass_time

__all__ = ["pass_time"]
