"""The JSON API. Needs the extra `api` (Django REST framework)."""
