"""A small site that verifies a user, with the settings that real sites have."""
