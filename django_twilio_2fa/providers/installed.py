"""Find the providers that are installed or named in `TWILIO_2FA_PROVIDERS`, by the name of their method."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .. import registry
from ..conf import conf
from . import MethodProvider

logger = logging.getLogger(__name__)

# The source of providers from the setting. The source of installed providers is their distribution.
SETTING = "TWILIO_2FA_PROVIDERS"


@dataclass(frozen=True)
class Broken:
    """A provider that cannot be imported, or that conflicts with another one, and the reason."""

    name: str
    path: str
    source: str
    reason: str


@dataclass
class Registry:
    """The usable providers with their sources and apps, by method name, and the broken providers."""

    providers: dict[str, MethodProvider] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    apps: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=128)
def _load(path: str) -> type[MethodProvider]:
    """Return the class at `package.module:Class` or `package.module.Class`. Raises errors of its import."""
    cls = import_string(path.replace(":", "."))
    if not (isinstance(cls, type) and issubclass(cls, MethodProvider)):
        raise TypeError(f"{path} is not a MethodProvider")
    return cls


def _add(found: Registry, name: str, path: str, source: str) -> None:
    try:
        provider = _load(path)()
    except Exception as e:
        # A provider may raise any exception. The other methods still work.
        found.broken.append(Broken(name, path, source, f"{type(e).__name__}: {e}"))
        return
    provider.name = name
    found.providers[name] = provider
    found.sources[name] = source
    module = path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    found.apps[name] = module.rpartition(".")[0] or module


@lru_cache(maxsize=1)
def _installed() -> Registry:
    """Return the providers that are installed as entry points. They are read once per process."""
    found = Registry()
    by_name: dict[str, list[registry.Found]] = defaultdict(list)
    for point in registry.find():
        by_name[point.name].append(point)
    for name, points in by_name.items():
        if len(points) > 1:
            owners = " and ".join(sorted(p.distribution for p in points))
            reason = f"Claimed by {owners}; set {SETTING}[{name!r}] to one of their classes"
            found.broken.append(Broken(name, points[0].path, owners, reason))
        else:
            _add(found, name, points[0].path, points[0].distribution)
    for broken in found.broken:
        logger.error("The method %s from %s cannot be used: %s", broken.name, broken.source, broken.reason)
    return found


@lru_cache(maxsize=1)
def get_registry() -> Registry:
    """Return the installed providers. Those of `TWILIO_2FA_PROVIDERS` replace or remove installed ones.

    The result is cached until the setting changes.
    """
    own: dict[str, str | None] = conf.PROVIDERS
    # `manage.py check` reports a value of another type, and could not run if this function raised.
    if not own or not isinstance(own, dict):
        return _installed()
    installed = _installed()
    found = Registry(
        providers={n: p for n, p in installed.providers.items() if n not in own},
        broken=[b for b in installed.broken if b.name not in own],
        sources=dict(installed.sources),
        apps=dict(installed.apps),
    )
    for name, path in own.items():
        if path is not None:
            _add(found, name, path, SETTING)
    return found


def is_app_installed(app: str) -> bool:
    """Return whether the package of a provider is an installed app or part of one."""
    return any(c.name == app or app.startswith(c.name + ".") for c in apps.get_app_configs())


def why_unavailable(provider: MethodProvider, *, user: Any, request: Any = None) -> str:
    """Return the reason why a user cannot use a method now. Empty if they can.

    If the provider raises an exception, only its own method is unavailable.
    """
    try:
        return provider.why_unavailable(user=user, request=request)
    except Exception as e:
        logger.exception("The provider of %s failed", provider.name)
        return f"it failed: {type(e).__name__}"


def why_unusable(provider: MethodProvider, *, if_it_fails: bool = False) -> str:
    """Return the reason why a method cannot be used. Empty if it can, or if that depends on the user.

    The provider is called with a request, because it may need one to build a URL, but without a user. An
    exception may be due to the missing user, so it is returned as a reason only with `if_it_fails`.
    """
    # Imported here, because it imports Django's test client and unittest.
    from django.test import RequestFactory

    host = next((host for host in settings.ALLOWED_HOSTS if host != "*"), "localhost").lstrip(".")
    try:
        return provider.why_unavailable(user=None, request=RequestFactory().get("/", HTTP_HOST=host))
    except Exception as e:
        return f"it failed: {type(e).__name__}" if if_it_fails else ""


def why_unregistrable(provider: MethodProvider) -> str:
    """Return the reason why no device can be registered for a method. Empty if one can, or none is needed."""
    if provider.device_kind is None or provider.get_registration_form_class() is not None:
        return ""
    return f"its device_kind is {provider.device_kind!r}, for which it has no registration form"


def provider_of(kind: str) -> MethodProvider | None:
    """Return a provider for this kind of device, or None."""
    return next((p for p in get_providers().values() if p.device_kind == kind), None)


def default_methods() -> list[str]:
    """Return the names of the methods that are offered if `ALLOWED_METHODS` is not set."""
    found = [p for p in get_providers().values() if p.on_by_default]
    return [p.name for p in sorted(found, key=lambda p: (p.order, p.name))]


@lru_cache(maxsize=1)
def get_providers() -> dict[str, MethodProvider]:
    """Return the usable providers by method name."""
    return get_registry().providers


def _forget(**kwargs: Any) -> None:
    """Clear the cached providers. Receives `setting_changed`."""
    get_registry.cache_clear()
    get_providers.cache_clear()


setting_changed.connect(_forget)
