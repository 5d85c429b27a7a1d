"""Declare the signal of recovery codes."""

from django.dispatch import Signal

recovery_code_used = Signal()
"""A signal for the use of a recovery code. Arguments: `request` (or None), `user`, `left` (unused codes)."""
