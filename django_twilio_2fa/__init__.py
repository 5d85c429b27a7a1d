"""Two-factor verification for Django over Twilio Verify."""

from importlib.metadata import PackageNotFoundError, version

from .registry import provider_apps

try:
    __version__ = version("django-twilio-2fa")
except PackageNotFoundError:  # a checkout put on sys.path without being installed
    __version__ = "0+unknown"

__all__ = ["__version__", "provider_apps"]
