"""What this package offers to the tests of others."""
