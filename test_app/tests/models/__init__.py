"""What is stored, and how it gets there from an earlier release."""
