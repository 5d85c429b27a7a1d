"""Remembered browsers."""
