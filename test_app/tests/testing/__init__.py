"""Tests of `django_twilio_2fa.testing`, the helpers for tests of sites and providers."""
