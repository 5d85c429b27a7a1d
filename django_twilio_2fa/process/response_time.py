"""Make responses take a minimum time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..conf import conf


@contextmanager
def in_no_less_time() -> Iterator[None]:
    """Take at least `UNAUTHENTICATED_MIN_SECONDS`, even if the code raises an error."""
    began = time.monotonic()
    try:
        yield
    finally:
        left = conf.seconds("UNAUTHENTICATED_MIN_SECONDS") - (time.monotonic() - began)
        if left > 0:
            time.sleep(left)
