"""Concurrent requests in every order: a tool that runs the orders, and the tests that use it."""
