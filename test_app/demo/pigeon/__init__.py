"""A custom method without Twilio: it sends a code with Django's e-mail backend."""
