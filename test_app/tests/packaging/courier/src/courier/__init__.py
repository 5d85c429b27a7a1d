"""A method that ships as a distribution of its own."""
