"""Simulate Twilio, so that everything runs without an account."""


def in_use() -> bool:
    """Whether the sandbox stands in for Twilio: asked for, and `DEBUG` on or the exception meant."""
    from django.conf import settings

    from ..conf import conf

    return bool(conf.SANDBOX and (settings.DEBUG or conf.SANDBOX_WITHOUT_DEBUG))
