"""Methods: how they are found, and those that this project ships."""
