"""Every setting, declared once, and `conf`, which reads them.

`conf.NAME` reads the Django setting `TWILIO_2FA_NAME` as it is now, so `override_settings` works.
`conf.resolve("NAME", user=…, request=…)` also calls the setting if it is a callable.
"""

from .reader import OLD_NAMES, SETTINGS, Conf, as_callable, conf

# Not in `__all__`: the string would be a method's name, which no file of the kit may hold.
from .reader import call as call
from .setting import BOOL, CALLBACK, NAMES, PREFIX, Setting
from .settings_of_pages import RETIRED_NAMES

__all__ = [
    "BOOL",
    "CALLBACK",
    "NAMES",
    "OLD_NAMES",
    "PREFIX",
    "RETIRED_NAMES",
    "SETTINGS",
    "Conf",
    "Setting",
    "as_callable",
    "conf",
]
