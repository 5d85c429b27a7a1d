"""Attacks on verification, made through pages, API and public methods as an attacker makes them."""
