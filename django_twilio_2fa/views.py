"""The views that sites mount and subclass. Their code is in `pages/`."""

from .pages.base import PageMixin, PageView
from .pages.devices import AddWizardView, ChangeView, ChangeWizardView, DevicesView, RemoveView
from .pages.wizard import VerificationWizardView

__all__ = [
    "AddWizardView",
    "ChangeView",
    "ChangeWizardView",
    "DevicesView",
    "PageMixin",
    "PageView",
    "RemoveView",
    "VerificationWizardView",
]
