"""Concurrent requests: they keep every rule in every order of their commits and calls to Twilio.

The test runs all schedules with up to three switches, and with up to two in most scenes of three requests.
`TWILIO_2FA_SWITCHES` sets another number. `TWILIO_2FA_EVERY_WRITE=1` also switches within transactions. A
failure shows the schedule that broke a rule. This runs one schedule again:

    TWILIO_2FA_SCHEDULE="0b 4a" python -m pytest test_app/tests/schedules -rA -k "check/cancel"
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .scenes import SCENES
from .scheduler import Scheduler
from .walk import Snapshot, Walk, list_steps, parse_schedule

SWITCHES = int(os.environ.get("TWILIO_2FA_SWITCHES", "0"))
EVERY_WRITE = os.environ.get("TWILIO_2FA_EVERY_WRITE", "") == "1"
SCHEDULE = os.environ.get("TWILIO_2FA_SCHEDULE", "")

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def scheduler(transactional_db: None) -> Iterator[Scheduler]:
    with Scheduler(every_write=EVERY_WRITE) as scheduler:
        yield scheduler
    Snapshot.drop()


@pytest.mark.parametrize("name", SCENES)
def test_the_rules_hold_after_every_order_of_requests(name: str, scheduler: Scheduler, settings: Any) -> None:
    scene = SCENES[name]()
    for setting, value in scene.settings.items():
        setattr(settings, setting, value)
    walk = Walk(scheduler, scene)
    if SCHEDULE:
        run, broken = walk.run(parse_schedule(SCHEDULE))
        print(list_steps(run))  # noqa: T201 - the user has named this schedule
        assert not broken, broken
        return
    walked = walk.all(SWITCHES or scene.switches)
    print(walked)  # noqa: T201 - pytest -rA shows it
    if walked.broken:
        pytest.fail(walked.report(), pytrace=False)
    assert walked.schedules > 1
    assert walked.unrepeated <= walked.schedules / 50
