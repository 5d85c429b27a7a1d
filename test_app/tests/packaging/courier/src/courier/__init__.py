"""A method in a distribution of its own."""
