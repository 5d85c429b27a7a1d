"""What goes to Twilio, and what comes back or does not."""
