"""Declare the signal of recovery codes."""

from django.dispatch import Signal

recovery_code_used = Signal()
"""A recovery code let its user in. Arguments: `request` (or None), `user`, `left` (codes still good)."""
