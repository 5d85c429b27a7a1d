"""Simulate Twilio, so that everything runs without an account."""


def in_use() -> bool:
    """Return whether the sandbox replaces Twilio: by `SANDBOX`, with `DEBUG` or `SANDBOX_WITHOUT_DEBUG`."""
    from django.conf import settings

    from ..conf import conf

    return bool(conf.SANDBOX and (settings.DEBUG or conf.SANDBOX_WITHOUT_DEBUG))
