"""Pages, API and plain Python share one process: each case has the same outcome in each way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from ..attacks.starts import rolled_back
from . import passkey_threats  # noqa: F401 (adds its cases)
from .threats import CASES, LETS_IN, ONE_WAY_ONLY, Case, told_of
from .ways import WAYS, World

pytestmark = pytest.mark.usefixtures("sessions_in_database")

PAGE = Path(__file__).resolve().parents[3] / "docs" / "security.md"


def ends(name: str, settings: Any, tried: Case) -> dict[str, Any]:
    """Return the outcome of a case in a way. Restore the settings and everything stored afterwards."""
    before = {key: getattr(settings, key) for key in dir(settings) if key.startswith("TWILIO_2FA_")}
    try:
        with rolled_back():
            mail.outbox.clear()
            world = World(WAYS[name], settings)
            tried(world)
            return world.outcome()
    finally:
        for key in [key for key in dir(settings) if key.startswith("TWILIO_2FA_")]:
            if key in before:
                setattr(settings, key, before[key])
            else:
                delattr(settings, key)


@pytest.mark.parametrize(
    ("threat", "tried"), [(threat, tried) for threat, cases in CASES.items() for tried in cases]
)
def test_pages_api_and_python_have_the_same_outcome(db: None, settings: Any, threat: str, tried: str) -> None:
    settings.TWILIO_2FA_PHONE_NUMBER_ALLOWED_COUNTRIES = ["US"]
    pages, api, python = (ends(name, settings, CASES[threat][tried]) for name in WAYS)
    assert api == pages
    assert python == pages
    if CASES[threat][tried] in LETS_IN:
        assert pages["verified"] == list(LETS_IN[CASES[threat][tried]])


def test_every_documented_attack_and_limit_has_a_case() -> None:
    told = told_of(PAGE.read_text())
    listed = {*told["Limits"], *told["Attacks"]}
    assert len(listed) > 30
    assert not CASES.keys() & ONE_WAY_ONLY.keys()
    assert listed <= CASES.keys() | ONE_WAY_ONLY.keys()
    # No case has a threat that the page does not list.
    everything = {threat for threats in told.values() for threat in threats}
    assert CASES.keys() | ONE_WAY_ONLY.keys() <= everything
