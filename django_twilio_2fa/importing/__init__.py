"""Import the devices that users have registered with another package."""
