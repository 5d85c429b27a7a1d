"""Make requests to Twilio. No other module of this package does."""
