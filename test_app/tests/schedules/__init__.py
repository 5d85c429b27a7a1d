"""Requests at once, in every order: a tool that walks the orders, and what it is used for."""
