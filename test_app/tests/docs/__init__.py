"""Checks of the documentation against the code, and of names in the code."""
