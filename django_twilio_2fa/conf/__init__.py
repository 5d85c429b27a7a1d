"""The settings of this package, and `conf`, which reads them.

`conf.NAME` is the Django setting `TWILIO_2FA_NAME`. The value is cached until Django sends the signal
`setting_changed`, as `override_settings` does.
`conf.resolve("NAME", user=…, request=…)` also calls the setting if it is a callable.
"""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.signals import setting_changed
from django.http import Http404
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from .setting import BOOL, CALLBACK, DEFAULT, NAMES, PREFIX, RAISES, Setting
from .settings_of_costs import SETTINGS_OF_COSTS
from .settings_of_pages import RETIRED_NAMES, SETTINGS_OF_PAGES
from .settings_of_twilio import SETTINGS_OF_TWILIO
from .settings_of_users import SETTINGS_OF_USERS

# `call` is not in `__all__`: the string would be a method's name, which no file of this package may contain.
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

logger = logging.getLogger(__name__)

DOTTED_PATH = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")

SETTINGS: dict[str, Setting] = {
    s.name: s for s in (*SETTINGS_OF_TWILIO, *SETTINGS_OF_USERS, *SETTINGS_OF_COSTS, *SETTINGS_OF_PAGES)
}
UNSET = object()
OLD_NAMES: dict[str, str] = {old: s.name for s in SETTINGS.values() for old in s.old_names}


@lru_cache(maxsize=256)
def _import(path: str) -> Any:
    return import_string(path)


def as_callable(value: Any) -> Callable[..., Any] | None:
    """Return a callable, given that callable or its dotted path. None for other values."""
    if isinstance(value, str) and DOTTED_PATH.match(value):
        try:
            value = _import(value)
        except ImportError:  # a host name or a URL name may look like a path
            return None
    return value if callable(value) and not isinstance(value, Promise) else None


def call(function: Callable[..., Any], **offered: Any) -> Any:
    """Call a function with those of the offered keywords that its signature names.

    If its first parameter has another name, that parameter gets the first of the offered values.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # some builtins have no signature
        return function(**offered)
    first = []
    if parameters and _is_positional(parameters[0]) and parameters[0].name not in offered:
        name = next(iter(offered), None)
        first = [offered.pop(name)] if name else []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return function(*first, **offered)
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return function(*first, **{name: value for name, value in offered.items() if name in names})


def _is_positional(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter can be positional and has no default, as in `lambda u: …`."""
    kinds = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return parameter.kind in kinds and parameter.default is parameter.empty


def _call_site(setting: Setting, function: Callable[..., Any], offered: dict[str, Any]) -> Any:
    """Call the callable of a setting. Return its result, or the setting's `fallback` if it fails."""
    if setting.fallback is RAISES:
        return call(function, **offered)
    try:
        told = call(function, **offered)
        wanted = setting.kinds or setting.return_types
        if wanted == NAMES and isinstance(told, Iterable) and not isinstance(told, (str, bytes, *NAMES)):
            told = list(told)
        if wanted == BOOL or (told is None and setting.optional) or isinstance(told, wanted):
            return told
        logger.error("%s returned a %s", setting.full_name, type(told).__name__)
    except (PermissionDenied, Http404):
        raise
    except Exception:
        logger.exception("%s failed", setting.full_name)
    instead = setting.default if setting.fallback is DEFAULT else setting.fallback
    return instead() if callable(instead) else instead


def _read(setting: Setting) -> Any:
    value = getattr(settings, setting.full_name, UNSET)
    if value is not UNSET:
        return value
    for old in setting.old_names:
        if hasattr(settings, PREFIX + old):
            text = f"{PREFIX}{old} is deprecated, use {setting.full_name}."
            warnings.warn(text, DeprecationWarning, stacklevel=3)
            return getattr(settings, PREFIX + old)
    return setting.default


class Conf:
    """The settings as attributes, without the prefix. Values are cached until a setting changes."""

    def __getattr__(self, name: str) -> Any:
        setting = SETTINGS.get(name)
        if setting is None:
            raise AttributeError(name)
        value = self.__dict__[name] = _read(setting)
        return value

    def raw(self, name: str) -> Any:
        """Return the value in Django's settings, or the default. Callables are not called."""
        return getattr(self, name)

    def is_set(self, name: str) -> bool:
        """Return whether the value of the setting is not None."""
        return getattr(self, name) is not None

    def resolve(self, name: str, **offered: Any) -> Any:
        """Return the value of a setting. For a callable, return the result of calling it with these keywords.

        A dotted path of a callable is called, too.

        Raises `ImproperlyConfigured` for a path that cannot be imported, unless the setting accepts strings.
        """
        value = getattr(self, name)
        setting = SETTINGS[name]
        may_be_called = setting.arguments and not (value is None or isinstance(value, bool))
        if may_be_called and (function := as_callable(value)) is not None:
            # All declared keywords are offered, with None for those that the caller does not pass.
            return _call_site(setting, function, {**dict.fromkeys(setting.arguments), **offered})
        if isinstance(value, str) and str not in setting.kinds:
            # A misspelled path is a non-empty string, which is true, so it would allow everyone.
            raise ImproperlyConfigured(f"{setting.full_name} is {value!r}, which cannot be imported.")
        return value

    def seconds(self, name: str, unit: float = 1) -> float:
        """Return a duration setting in seconds. Plain numbers are multiplied by `unit`."""
        value = getattr(self, name)
        if isinstance(value, timedelta):
            return value.total_seconds()
        return float(value) * unit

    @property
    def expiration(self) -> timedelta:
        return timedelta(seconds=self.seconds("VERIFICATION_EXPIRATION", 60))

    def cooldown(self, resend: int) -> timedelta:
        """Return the wait before a resend (counted from 1). The last wait of a list is for all later ones."""
        value = self.SEND_COOLDOWN
        steps = list(value) if isinstance(value, (list, tuple)) else [value]
        wait = steps[min(resend, len(steps)) - 1] if steps else 0
        return wait if isinstance(wait, timedelta) else timedelta(seconds=float(wait))

    @property
    def timeout(self) -> tuple[float, float]:
        value = self.TIMEOUT
        if isinstance(value, (list, tuple)):
            connect, read = value
            return float(connect), float(read)
        return float(value), float(value)


conf = Conf()


def _forget(**kwargs: Any) -> None:
    """Clear the cached settings. Receives `setting_changed`."""
    conf.__dict__.clear()


setting_changed.connect(_forget)
