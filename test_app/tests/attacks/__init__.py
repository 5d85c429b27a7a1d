"""Attacks, each through the front door: the pages and the verifier, with the sandbox behind."""
