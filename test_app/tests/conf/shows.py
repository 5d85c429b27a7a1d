"""Record which settings a test covers, so that every setting has a test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=Callable[..., object])

SHOWN: dict[str, list[str]] = defaultdict(list)


def shows(*names: str) -> Callable[[T], T]:
    def note(test: T) -> T:
        for name in names:
            SHOWN[name].append(f"{test.__module__}.{test.__qualname__}")
        return test

    return note
