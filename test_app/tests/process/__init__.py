"""Sends, checks and registrations, one at a time and concurrently."""
