"""Talk to Twilio. Nothing else in the package does."""
