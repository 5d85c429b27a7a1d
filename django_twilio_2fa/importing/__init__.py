"""Take over what users have registered with another package."""
