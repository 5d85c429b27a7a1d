"""Check the methods: their providers, their apps and whether they can be used."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info, Warning

from ..conf import PREFIX, conf
from ..providers.installed import (
    SETTING,
    default_methods,
    get_registry,
    is_app_installed,
    why_unregistrable,
    why_unusable,
)
from .urls import Mounted


def _methods() -> Iterator[CheckMessage]:
    registry = get_registry()
    for broken in registry.broken:
        yield Warning(
            f"The method {broken.name} of {broken.source} cannot be used: {broken.reason}",
            hint="Fix or uninstall the provider, or set the method to None in TWILIO_2FA_PROVIDERS.",
            id="twilio_2fa.W001",
        )
    for name, provider in registry.providers.items():
        if why := why_unregistrable(provider):
            yield Warning(
                f"Users cannot register a device for the method {name}: {why}.",
                hint="Return a form from get_registration_form_class, or set device_kind to 'phone_number' "
                "or 'email', which have a form, or to None if the method needs no device.",
                id="twilio_2fa.W006",
            )
    allowed = conf.ALLOWED_METHODS
    if isinstance(allowed, (list, tuple, set, frozenset)):
        for name in allowed:
            if name not in registry.providers:
                close = get_close_matches(str(name), registry.providers, n=1)
                installed = ", ".join(sorted(registry.providers)) or "none"
                hint = f"Did you mean {close[0]}?" if close else f"Installed: {installed}."
                yield Error(
                    f"TWILIO_2FA_ALLOWED_METHODS has {name!r}, which no provider offers.",
                    hint=hint,
                    id="twilio_2fa.E008",
                )
    if not registry.providers:
        yield Error("No method is installed.", hint="Reinstall django-twilio-2fa.", id="twilio_2fa.E009")


def _apps() -> Iterator[CheckMessage]:
    registry = get_registry()
    for app in ("widget_tweaks", "formtools"):
        if not apps.is_installed(app):
            yield Warning(
                f"{app} is not in INSTALLED_APPS, but the templates of django-twilio-2fa need it.",
                hint=f"Add {app!r} to INSTALLED_APPS, unless all templates are your own.",
                id="twilio_2fa.W002",
            )
    for name in registry.providers:
        app = registry.apps[name]
        if not is_app_installed(app):
            own = registry.sources[name] == SETTING
            yield Warning(
                f"{app}, the app of the method {name}, is not in INSTALLED_APPS, so Django does not find its "
                "templates.",
                hint=f"Add {app!r} to INSTALLED_APPS."
                if own
                else "Add *django_twilio_2fa.provider_apps() to INSTALLED_APPS.",
                id="twilio_2fa.W003",
            )


def methods(mounted: Mounted) -> Iterator[CheckMessage]:
    """Report methods that cannot be used, and a list of methods in which none can be registered first."""
    allowed = conf.ALLOWED_METHODS
    is_list = isinstance(allowed, (list, tuple, set, frozenset))
    if allowed is not None and not is_list:
        return
    registry = get_registry()
    names = [n for n in (allowed if is_list else default_methods()) if n in registry.providers]
    unusable = {name: why for name in names if (why := why_unusable(registry.providers[name]))}
    for name, why in unusable.items():
        if is_list:
            yield Warning(
                f"{PREFIX}ALLOWED_METHODS has {name!r}, which cannot be used: {why}.",
                hint="Install or add what is missing, or remove the method from the list.",
                id="twilio_2fa.W011",
            )
        elif is_app_installed(registry.apps[name]):
            yield Info(
                f"The method {name} is not offered: {why}.",
                hint=f"Install what is missing, or list the methods to offer in {PREFIX}ALLOWED_METHODS.",
                id="twilio_2fa.I002",
            )
    if is_list and not any(n not in unusable and not registry.providers[n].is_backup for n in names):
        yield Warning(
            f"{PREFIX}ALLOWED_METHODS has no method that users without a device can register.",
            hint="Add a method that can be registered first, or set None for all methods.",
            id="twilio_2fa.W015",
        )


CHECKS = (_methods, _apps)
PROJECT_CHECKS = (methods,)
