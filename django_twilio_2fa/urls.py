"""The URL patterns of the pages: `path("2fa/", include("django_twilio_2fa.urls"))`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, include, path
from django.utils.functional import cached_property

app_name = "twilio_2fa"


class Patterns(Sequence[Any]):
    """The URL patterns of the pages. Django imports the pages when it first needs one of the patterns.

    Importing the pages with this module would slow down the start of every site, and use more memory.
    """

    @cached_property
    def _patterns(self) -> list[URLPattern | URLResolver]:
        from .pages.add import AddWizardView, ChangeWizardView
        from .pages.again import SendAgainView
        from .pages.base import protected
        from .pages.change import ChangeView
        from .pages.devices import DevicesView
        from .pages.endpoints import patterns as endpoints
        from .pages.remove import RemoveView
        from .pages.wizard import VerificationWizardView
        from .providers.installed import get_providers

        return [
            *VerificationWizardView.urls()[0],
            path("again/", protected(SendAgainView.as_view()), name="again"),
            path("devices/", protected(DevicesView.as_view()), name="devices"),
            path("remove/<str:device>/", protected(RemoveView.as_view()), name="remove"),
            path("change/", protected(ChangeView.as_view()), name="change"),
            path("change/<str:device>/", include(ChangeWizardView.urls(), namespace="changing")),
            path("add/", include(AddWizardView.urls(), namespace="adding")),
            *(
                path(f"{name}/", include((_exempted(patterns), name)))
                for name, provider in get_providers().items()
                if (patterns := [*provider.get_urls(), *endpoints(provider)])
            ),
        ]

    def __getitem__(self, index: Any) -> Any:
        return self._patterns[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._patterns)

    def __len__(self) -> int:
        return len(self._patterns)

    # A site may concatenate them with its own patterns, because they were a list in 0.32.

    def __add__(self, others: Iterable[Any]) -> list[Any]:
        return [*self, *others]

    def __radd__(self, others: Iterable[Any]) -> list[Any]:
        return [*others, *self]


def _exempted(patterns: Iterable[Any]) -> list[Any]:
    """Exempt a provider's pages from `TwoFactorMiddleware`, because they are a part of verifying.

    Also exempts them from Django's `LoginRequiredMiddleware`: users who are signing in are still anonymous.
    """
    from .access.exempt import two_factor_exempt

    found = list(patterns)
    for pattern in found:
        if isinstance(pattern, URLPattern):
            view: Any = two_factor_exempt(pattern.callback)
            view.login_required = getattr(view, "login_required", False)
            pattern.callback = view
        else:
            _exempted(pattern.url_patterns)
    return found


urlpatterns = Patterns()
