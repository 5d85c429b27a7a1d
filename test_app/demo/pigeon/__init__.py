"""A method of a project's own, outside Twilio: a code by Django's e-mail backend."""
