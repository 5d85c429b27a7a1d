"""The views that sites mount and subclass. Their code is in `pages/`."""

from .pages.add import AddWizardView, ChangeWizardView
from .pages.base import PageMixin, PageView
from .pages.change import ChangeView
from .pages.devices import DevicesView
from .pages.login import TwoFactorLoginView
from .pages.password_reset import TwoFactorPasswordResetConfirmView
from .pages.remove import RemoveView
from .pages.wizard import VerificationWizardView

__all__ = [
    "AddWizardView",
    "ChangeView",
    "ChangeWizardView",
    "DevicesView",
    "PageMixin",
    "PageView",
    "RemoveView",
    "TwoFactorLoginView",
    "TwoFactorPasswordResetConfirmView",
    "VerificationWizardView",
]
