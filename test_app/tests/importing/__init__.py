"""Taking over devices from other packages."""
