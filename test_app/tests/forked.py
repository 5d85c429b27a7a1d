"""Imported by a process that others are forked from: Django is set up once for all of them.

Never import it in the tests' own process: it is not their database that is named here.
"""

from __future__ import annotations

import os

os.environ["DATABASE_URL"] = "sqlite:///named-when-forked.sqlite3"
os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings_test"

import django

django.setup()

# What an action needs, so that no process imports it again.
import django_twilio_2fa.verifier  # noqa: E402, F401

from . import crashing, people  # noqa: E402, F401
