"""Tests of django_twilio_2fa/admin."""
