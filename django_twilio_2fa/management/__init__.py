"""The commands of `manage.py`: providers, sandbox, unlock, prune, numbers, check."""
