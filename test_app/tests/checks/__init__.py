"""Tests of `manage.py check` and of what Django loads when it starts."""
