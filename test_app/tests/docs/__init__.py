"""The docs say what the code says, and names are as they should be."""
