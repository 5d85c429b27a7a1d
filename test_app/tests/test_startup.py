"""What starting Django with the app installed costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LATE = ("twilio.rest", "twilio.base", "requests", "phonenumbers", "formtools.wizard")


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh process has loaded after running the code."""
    program = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "demo.settings_test",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def started() -> set[str]:
    return loaded_by("import django\ndjango.setup()")


@pytest.mark.parametrize("module", LATE)
def test_starting_does_not_load_what_is_used_later(started: set[str], module: str) -> None:
    assert "django_twilio_2fa.models" in started
    assert module not in started


def test_loading_the_urls_does_not_load_twilio_or_phone_metadata() -> None:
    # The kit's own: Django REST framework, in the demo's, loads requests by itself.
    loaded = loaded_by("import django\ndjango.setup()\nimport django_twilio_2fa.urls")
    assert "django_twilio_2fa.views" in loaded
    assert not {"twilio.rest", "requests"} & loaded
    assert not [m for m in loaded if m.startswith("phonenumbers.data.region_")]


def test_the_form_for_a_phone_does_not_load_every_place_name() -> None:
    code = (
        "import django\ndjango.setup()\n"
        "from django_twilio_2fa.contacts import countries\nassert len(countries(['US', 'DE'], [])) == 2"
    )
    assert "phonenumbers.geodata" not in loaded_by(code)
