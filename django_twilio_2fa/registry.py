"""Find installed providers without Django, so that `INSTALLED_APPS` can use it."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

logger = logging.getLogger(__name__)

GROUP = "django_twilio_2fa.providers"


@dataclass(frozen=True)
class Found:
    """One entry point: the method's name, where its class is, and the distribution that brings it."""

    name: str
    path: str
    distribution: str

    @property
    def app(self) -> str:
        """The package that holds the provider's module; where it is a Django app, its app."""
        module = self.path.partition(":")[0]
        return module.rpartition(".")[0] or module


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_of(distro: Any) -> str:
    """Return the distribution's name: `entrypoints` splits its folder's name at the first dash."""
    if distro is None:
        return ""
    whole = f"{distro.name}-{distro.version}" if distro.version else str(distro.name)
    name, dash, version = whole.rpartition("-")
    return name if dash and version[:1].isdigit() else whole


def _in_folder(folder: str) -> Iterator[Found]:
    """Entry points of one folder of `sys.path`, by `entrypoints`, or one by one where that fails."""
    import entrypoints

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points = entrypoints.get_group_all(GROUP, path=[folder])
    except Exception:
        # One malformed or undecodable file of any distribution fails the whole folder.
        logger.warning("Reading the entry points of %s one distribution at a time", folder, exc_info=True)
        yield from _one_by_one(folder)
    else:
        for p in points:
            path = f"{p.module_name}:{p.object_name}" if p.object_name else p.module_name
            yield Found(p.name, path, _name_of(p.distro))


def _one_by_one(folder: str) -> Iterator[Found]:
    # Not at the top: it is heavy, and needed only where a distribution is broken.
    import importlib.metadata

    for distribution in importlib.metadata.distributions(path=[folder]):
        try:
            name = distribution.metadata["Name"] or ""
            points = [p for p in distribution.entry_points if p.group == GROUP]
        except Exception:
            logger.warning(
                "A distribution in %s has broken metadata; its methods are left out", folder, exc_info=True
            )
            continue
        for p in points:
            yield Found(p.name, p.value, name)


@lru_cache(maxsize=1)
def find() -> tuple[Found, ...]:
    """Every provider entry point on `sys.path`, read once a process.

    A distribution that is seen twice (two spellings, two folders) counts once, the first one found.
    """
    owner: dict[str, tuple[str, str]] = {}
    found: list[Found] = []
    for folder in dict.fromkeys(str(p) for p in sys.path):
        for point in _in_folder(folder or "."):
            where = (folder, point.distribution)
            if owner.setdefault(_normalized(point.distribution), where) == where and point not in found:
                found.append(point)
    return tuple(found)


def provider_apps() -> list[str]:
    """Return the apps of all installed providers, for `INSTALLED_APPS`.

    A package that cannot be imported is left out and logged; `manage.py check` reports it.
    """
    apps = []
    for app in dict.fromkeys(point.app for point in find()):
        try:
            if find_spec(app) is None:
                raise ImportError(f"No package named {app}")
            import_module(app)
        except Exception:
            logger.exception("The provider app %s cannot be imported and is left out", app)
        else:
            apps.append(app)
    return apps
