"""No setting is declared that no test shows at work."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from django_twilio_2fa.conf import SETTINGS

from . import __name__ as package
from . import __path__ as folder
from .shows import SHOWN


def test_every_setting_is_shown_at_work() -> None:
    for module in pkgutil.iter_modules(folder):
        import_module(f"{package}.{module.name}")
    assert set(SHOWN) == set(SETTINGS)
