"""The same process over JSON, for apps without pages. Needs the extra `api` (Django REST framework)."""
