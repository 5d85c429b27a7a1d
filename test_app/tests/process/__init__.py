"""The process: what a send, a check and a registration do, alone and at once."""
