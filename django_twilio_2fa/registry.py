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
    """One entry point: the method's name, the path of its class, and the distribution that installs it."""

    name: str
    path: str
    distribution: str

    @property
    def app(self) -> str:
        """The package that contains the provider's module, for `INSTALLED_APPS`."""
        module = self.path.partition(":")[0]
        return module.rpartition(".")[0] or module


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_of(distro: Any) -> str:
    """Return the distribution's full name. `entrypoints` splits the folder's name at the first dash."""
    if distro is None:
        return ""
    whole = f"{distro.name}-{distro.version}" if distro.version else str(distro.name)
    name, dash, version = whole.rpartition("-")
    return name if dash and version[:1].isdigit() else whole


def _in_folder(folder: str) -> Iterator[Found]:
    """Yield the entry points in a folder of `sys.path`. If `entrypoints` fails, read each distribution."""
    import entrypoints

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points = entrypoints.get_group_all(GROUP, path=[folder])
    except Exception:
        # `entrypoints` fails for the whole folder if one file of any distribution is malformed.
        logger.warning("Reading the entry points of %s one distribution at a time", folder, exc_info=True)
        yield from _one_by_one(folder)
    else:
        for p in points:
            path = f"{p.module_name}:{p.object_name}" if p.object_name else p.module_name
            yield Found(p.name, path, _name_of(p.distro))


def _one_by_one(folder: str) -> Iterator[Found]:
    # Imported here because it is slow to import, and needed only if a distribution is broken.
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
    """Return every provider entry point on `sys.path`. They are read once per process.

    If a distribution is found twice (two spellings, two folders), the first one counts.
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
