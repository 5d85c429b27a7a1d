"""Every declared setting is covered by a test."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from django_twilio_2fa.conf import SETTINGS

from .shows import SHOWN

TESTS = Path(__file__).resolve().parents[1]


def test_every_setting_is_covered_by_a_test() -> None:
    for path in TESTS.rglob("test_*.py"):
        if "@shows(" in path.read_text():
            import_module(".".join([TESTS.name, *path.relative_to(TESTS).with_suffix("").parts]))
    assert set(SHOWN) == set(SETTINGS)
