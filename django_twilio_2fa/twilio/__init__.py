"""All that talks to Twilio; nothing else in the kit does."""
