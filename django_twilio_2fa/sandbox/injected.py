"""Faults of the sandbox in its own process, for tests; over HTTP there are more (see `server`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .faults import CODES

HANG, REFUSE = "hang", "refuse"


@dataclass
class Injected:
    """What goes wrong: `times` times (0: always), on requests whose path ends with `on`."""

    name: str
    on: str
    times: int


_lock = threading.Lock()
_waiting: list[Injected] = []


@contextmanager
def injected(name: str, *, on: str = "", times: int = 1) -> Iterator[None]:
    """Let requests go wrong within the block. Raises KeyError for a name that is none."""
    if name not in (HANG, REFUSE) and (not name.isdecimal() or int(name) not in CODES):
        raise KeyError(name)
    fault = Injected(name, on, times or -1)
    with _lock:
        _waiting.append(fault)
    try:
        yield
    finally:
        with _lock:
            _waiting.remove(fault)


def take(path: str) -> str:
    """The fault that strikes a request to this path; empty for none."""
    if not _waiting:
        return ""
    with _lock:
        for fault in _waiting:
            if fault.times and path.endswith(fault.on):
                fault.times -= 1
                return fault.name
    return ""
