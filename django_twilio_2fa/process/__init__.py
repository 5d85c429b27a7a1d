"""The verification process: sends, checks, registrations, and who may use which method. Internal."""
