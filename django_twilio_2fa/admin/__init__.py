"""The admin: pages, actions for users, and an admin site that requires verification."""

from .actions import TwoFactorUserActions
from .figures import FiguresAdmin
from .models import DeviceAdmin, TrustedBrowserAdmin, VerificationAdmin
from .pauses import PauseAdmin
from .site import TwoFactorAdminSite, register, require_on_default_site

__all__ = [
    "DeviceAdmin",
    "FiguresAdmin",
    "PauseAdmin",
    "TrustedBrowserAdmin",
    "TwoFactorAdminSite",
    "TwoFactorUserActions",
    "VerificationAdmin",
    "register",
    "require_on_default_site",
]

register()
