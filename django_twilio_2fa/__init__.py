"""Two-factor verification for Django over Twilio Verify."""

from typing import Any

from .registry import provider_apps

__version__: str

__all__ = ["__version__", "provider_apps"]


def __getattr__(name: str) -> Any:
    """Return `__version__`. The installed package's metadata is read only if it is needed."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported here because it loads parsers of e-mails and ZIP files, and the version is rarely used.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("django-twilio-2fa")
    except PackageNotFoundError:  # a checkout put on sys.path without being installed
        return "0+unknown"
