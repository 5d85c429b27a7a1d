"""Simulate Twilio, so that everything runs without an account."""


def in_use() -> bool:
    """Return whether the sandbox replaces Twilio: it is set, and `DEBUG` or `SANDBOX_WITHOUT_DEBUG` is on."""
    from django.conf import settings

    from ..conf import conf

    return bool(conf.SANDBOX and (settings.DEBUG or conf.SANDBOX_WITHOUT_DEBUG))
