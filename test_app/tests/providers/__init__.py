"""Installed providers, and the methods that this project ships."""
