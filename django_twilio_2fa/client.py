"""Deprecated: the client of 0.32. Use `Verifier` of `django_twilio_2fa.verifier`."""

from __future__ import annotations

import warnings
from typing import Any

from . import session
from .verifier import Verifier


class TwoFAClient(Verifier):
    """The verifier under its name in 0.32, created from a request for its user and session.

    Its methods are those of `Verifier`: `methods`, `send`, `check`, `cancel`.
    """

    def __init__(self, request: Any = None, user: Any = None, **ignored: Any) -> None:
        warnings.warn(
            "TwoFAClient is deprecated, use django_twilio_2fa.verifier.Verifier.",
            DeprecationWarning,
            stacklevel=2,
        )
        if request is not None and user in (None, getattr(request, "user", None)):
            made = session.get_verifier(request, create=True)
            super().__init__(made.user, request=request, flow=made.flow, auth=made.auth)
        else:
            super().__init__(user, request=request)


__all__ = ["TwoFAClient"]
