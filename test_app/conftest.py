"""Make tests fail instead of skipping on machines that must have a database server or Chromium.

`TWILIO_2FA_TEST_REQUIRE=server_database,postgresql,redis` lists the marks whose tests must not be skipped.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

REQUIRED = set(filter(None, os.environ.get("TWILIO_2FA_TEST_REQUIRE", "").split(",")))


# The number of examples of each property test: 20 by default, 100 in the gate's full suite, 20,000 in a soak.
settings.register_profile(
    "kit",
    max_examples=int(os.environ.get("TWILIO_2FA_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("kit")


def pytest_collection_finish() -> None:
    """Exclude imported modules and collected tests from garbage collection, which becomes faster."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test from a frame so large that Python allocates the call stack only once.

    Python 3.11 and later allocate the call stack in chunks of 16 KiB, and free a chunk when the function that
    needed it returns: https://github.com/python/cpython/issues/142183. If a test often calls a function at
    the end of a chunk, this takes up to a fifth of its time. The frame of this function is 1 MiB. Python
    allocates a chunk of 2 MiB for it, and the functions that the test calls use the rest.
    """
    runner: Any = item.config.pluginmanager.get_plugin("runner")
    ran: bool = runner.pytest_runtest_protocol(item, nextitem)
    return ran


pytest_runtest_protocol.__code__ = pytest_runtest_protocol.__code__.replace(co_stacksize=2**17)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marks = REQUIRED & {mark.name for mark in item.iter_markers()}
    if report.skipped and marks and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Required here ({', '.join(sorted(marks))}), but: {reason}"
    return report
