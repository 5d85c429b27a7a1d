"""Protection from costs: pauses, accounts of one number, the breaker, challenges and simulated attacks."""
