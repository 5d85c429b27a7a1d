"""Require a verified user: decorators for functions, a mixin for class-based views, and exemptions."""

from ..state import MaxAge, TwoFactorState, get_two_factor
from .exempt import two_factor_exempt
from .guards import TwoFactorRequiredMixin, two_factor_required
from .phishing import PHISHING_RESISTANT
from .refusal import redirect_to_verification

__all__ = [
    "PHISHING_RESISTANT",
    "MaxAge",
    "TwoFactorRequiredMixin",
    "TwoFactorState",
    "get_two_factor",
    "redirect_to_verification",
    "two_factor_exempt",
    "two_factor_required",
]
