"""Set up Django once, in a process from which others are forked.

Never import this module in the process of the tests: it names another database.
"""

from __future__ import annotations

import os

os.environ["DATABASE_URL"] = "sqlite:///named-when-forked.sqlite3"
os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings_test"

import django

django.setup()

# Import what an action needs, so that no forked process has to import it again.
import django_twilio_2fa.verifier  # noqa: E402, F401

from . import crashing, people  # noqa: E402, F401
