"""No setting is declared that no test shows at work."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from django_twilio_2fa.conf import SETTINGS

from .shows import SHOWN

TESTS = Path(__file__).resolve().parents[1]


def test_every_setting_is_shown_at_work() -> None:
    for path in TESTS.rglob("test_*.py"):
        if "@shows(" in path.read_text():
            import_module(".".join([TESTS.name, *path.relative_to(TESTS).with_suffix("").parts]))
    assert set(SHOWN) == set(SETTINGS)
