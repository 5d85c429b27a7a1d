"""Read the settings as they are now."""

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
from django.http import Http404
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from .setting import BOOL, DEFAULT, NAMES, PREFIX, RAISES, Setting
from .settings_of_pages import SETTINGS_OF_PAGES
from .settings_of_twilio import SETTINGS_OF_TWILIO
from .settings_of_users import SETTINGS_OF_USERS

logger = logging.getLogger(__name__)

DOTTED_PATH = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")

SETTINGS: dict[str, Setting] = {
    s.name: s for s in (*SETTINGS_OF_TWILIO, *SETTINGS_OF_USERS, *SETTINGS_OF_PAGES)
}
UNSET = object()
OLD_NAMES: dict[str, str] = {old: s.name for s in SETTINGS.values() for old in s.old_names}


@lru_cache(maxsize=256)
def _import(path: str) -> Any:
    return import_string(path)


def as_callable(value: Any) -> Callable[..., Any] | None:
    """Return the callable that a setting's value is or names. None for a plain value."""
    if isinstance(value, str) and DOTTED_PATH.match(value):
        try:
            value = _import(value)
        except ImportError:  # a host name or a URL name may look like a path
            return None
    return value if callable(value) and not isinstance(value, Promise) else None


def call(function: Callable[..., Any], **offered: Any) -> Any:
    """Call with those of the offered keywords that the function's signature names.

    A first parameter of any other name is given what is offered first.
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
    """Return whether a parameter is positional and has no default: `lambda u: …`."""
    kinds = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return parameter.kind in kinds and parameter.default is parameter.empty


def _told(setting: Setting, function: Callable[..., Any], offered: dict[str, Any]) -> Any:
    """Call a site's callable and return its result, or the setting's `if_it_fails` if it fails."""
    if setting.if_it_fails is RAISES:
        return call(function, **offered)
    try:
        told = call(function, **offered)
        wanted = setting.kinds or setting.returns
        if wanted == NAMES and isinstance(told, Iterable) and not isinstance(told, (str, bytes, *NAMES)):
            told = list(told)
        if wanted == BOOL or (told is None and setting.optional) or isinstance(told, wanted):
            return told
        logger.error("%s returned a %s", setting.full_name, type(told).__name__)
    except (PermissionDenied, Http404):
        raise
    except Exception:
        logger.exception("%s failed", setting.full_name)
    instead = setting.default if setting.if_it_fails is DEFAULT else setting.if_it_fails
    return instead() if callable(instead) else instead


class Conf:
    """The live settings, by the names of `SETTINGS`."""

    def __getattr__(self, name: str) -> Any:
        setting = SETTINGS.get(name)
        if setting is None:
            raise AttributeError(name)
        value = getattr(settings, setting.full_name, UNSET)
        if value is not UNSET:
            return value
        for old in setting.old_names:
            if hasattr(settings, PREFIX + old):
                warnings.warn(
                    f"{PREFIX}{old} is deprecated, use {setting.full_name}.", DeprecationWarning, stacklevel=2
                )
                return getattr(settings, PREFIX + old)
        return setting.default

    def raw(self, name: str) -> Any:
        """Return the value as it is set, or the default. A name of 0.32 works, with a warning."""
        return getattr(self, name)

    def is_set(self, name: str) -> bool:
        """Return whether the setting has a value that is not None."""
        return self.raw(name) is not None

    def resolve(self, name: str, **offered: Any) -> Any:
        """Return the value. If it is a callable, or a dotted path to one, call it with these keywords.

        Raises `ImproperlyConfigured` for a path that leads nowhere, unless a plain text will do as well.
        """
        value = self.raw(name)
        setting = SETTINGS[name]
        if setting.takes and (function := as_callable(value)) is not None:
            # Each declared keyword is there, whoever asks.
            return _told(setting, function, {**dict.fromkeys(setting.takes), **offered})
        if isinstance(value, str) and str not in setting.kinds:
            # A misspelled path is a non-empty string, which is true: it would allow everyone.
            raise ImproperlyConfigured(f"{setting.full_name} is {value!r}, which cannot be imported.")
        return value

    def seconds(self, name: str, unit: float = 1) -> float:
        """Return a duration setting in seconds. Plain numbers are multiplied by `unit`."""
        value = self.raw(name)
        if isinstance(value, timedelta):
            return value.total_seconds()
        return float(value) * unit

    @property
    def expiration(self) -> timedelta:
        return timedelta(seconds=self.seconds("VERIFICATION_EXPIRATION", 60))

    def cooldown(self, resend: int) -> timedelta:
        """Return the wait before a resend (numbered from 1). The last of a list is for all later ones."""
        value = self.raw("SEND_COOLDOWN")
        steps = list(value) if isinstance(value, (list, tuple)) else [value]
        wait = steps[min(resend, len(steps)) - 1] if steps else 0
        return wait if isinstance(wait, timedelta) else timedelta(seconds=float(wait))

    @property
    def timeout(self) -> tuple[float, float]:
        value = self.raw("TIMEOUT")
        if isinstance(value, (list, tuple)):
            connect, read = value
            return float(connect), float(read)
        return float(value), float(value)


conf = Conf()
