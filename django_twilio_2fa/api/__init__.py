"""Offer the process over JSON. Needs the extra `api` (Django REST framework)."""
