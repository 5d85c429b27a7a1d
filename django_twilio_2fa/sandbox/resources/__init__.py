"""Implement the resources of Twilio's API, one in each module.

The functions take the values of a request and the parts of its path. They return the HTTP status, the body
and optionally headers of the response, or raise `Refused` for an error.
"""
