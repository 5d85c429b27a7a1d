"""Implement the resources of Twilio's API, one in each module.

Each function takes the values of a request and the parts of its path, and returns the HTTP status, the body
and perhaps headers of the answer. It raises `Refused` for an error.
"""
