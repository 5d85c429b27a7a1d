"""What verification costs: pauses, accounts of one number, the breaker, challenges, and simulated attacks."""
