"""Requests to Twilio, its answers and its failures."""
