"""The methods that resist phishing, for `methods=`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..providers.installed import get_providers


class PhishingResistantMethods(Collection[str]):
    """The names of the installed methods that resist phishing. They are looked up when they are needed."""

    def __contains__(self, name: object) -> bool:
        provider = get_providers().get(str(name))
        return provider is not None and provider.phishing_resistant

    def __iter__(self) -> Iterator[str]:
        return (name for name in get_providers() if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return "PHISHING_RESISTANT"


PHISHING_RESISTANT = PhishingResistantMethods()
"""Every method that resists phishing, such as passkeys. Use it as `methods`."""
