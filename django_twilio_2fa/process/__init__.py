"""The process: who may use what, and what happens in a send, a check and a registration. Internal."""
