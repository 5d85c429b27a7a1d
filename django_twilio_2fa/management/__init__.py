"""The commands of `manage.py`: about providers, Twilio, one user, another package, and old rows."""
