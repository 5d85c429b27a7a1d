"""Find the URLs of this package's pages, wherever a site has included them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from django import urls
from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, ResolverMatch, URLResolver
from django.utils.http import url_has_allowed_host_and_scheme

APP_NAME = "twilio_2fa"


@dataclass(frozen=True)
class Mount:
    """One `include()` of this package: its full namespace, and the parameters in the path before it."""

    namespace: str
    parameters: tuple[str, ...] = ()
    has_devices: bool = False
    """True if all pages are included, and not only a wizard."""


def _walk(resolver: Any, namespaces: tuple[str, ...], parameters: tuple[str, ...]) -> Iterator[Mount]:
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLResolver):
            continue
        inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
        named = (*parameters, *pattern.pattern.converters, *pattern.pattern.regex.groupindex)
        if pattern.app_name == APP_NAME:
            own = {getattr(page, "name", None) for page in pattern.url_patterns}
            yield Mount(":".join(inner), tuple(dict.fromkeys(named)), "devices" in own)
        else:
            yield from _walk(pattern, inner, named)


@lru_cache(maxsize=16)
def _mounts_of(resolver: Any) -> tuple[Mount, ...]:
    return tuple(sorted(_walk(resolver, (), ()), key=lambda mount: not mount.has_devices))


def mounts() -> tuple[Mount, ...]:
    """Return each `include()` of this package in the current URL configuration, complete ones first."""
    return _mounts_of(urls.get_resolver(urls.get_urlconf()))


def reverse(viewname: str, *, request: Any = None, args: Any = None, kwargs: Any = None) -> str:
    """Return the URL of a page of this package by its name, such as `index` or `devices`.

    Works like `django.urls.reverse`, and also finds pages that are included in other namespaces
    (`account:twilio_2fa:index`). Parameters of the path before this package are taken from `request`. Raises
    `NoReverseMatch`.
    """
    try:
        return urls.reverse(f"{APP_NAME}:{viewname}", args=args, kwargs=kwargs)
    except NoReverseMatch:
        match = getattr(request, "resolver_match", None)
        known = match.kwargs if match else {}
        for mount in mounts():
            before = {name: known[name] for name in mount.parameters if name in known}
            if before and args:
                continue
            try:
                return urls.reverse(
                    f"{mount.namespace}:{viewname}", args=args, kwargs={**before, **(kwargs or {})} or None
                )
            except NoReverseMatch:
                continue
        raise


def on_this_site(request: Any, url: str) -> str:
    """Return a URL if it is on the host of the request and does not leave HTTPS. Otherwise empty."""
    safe = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if safe and url.isprintable() else ""


def site_url(to: str) -> str:
    """Return the URL for a path or a URL name, as `resolve_url` does. `/` is the root of the site.

    A site that is served below a path (`SCRIPT_NAME`) has its root there.
    """
    return urls.get_script_prefix() if to in ("", "/") else resolve_url(to)


def home_url() -> str:
    """Return the URL of the link to the site: `LOGIN_REDIRECT_URL`, or else the root of the site.

    The root is also returned if that setting does not lead to a page (on many sites, Django's default does
    not), or if it leads to a page of this package.
    """
    root = urls.get_script_prefix()
    try:
        url = resolve_url(settings.LOGIN_REDIRECT_URL)
    except NoReverseMatch:
        return root
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return url
    view = view_at(url)
    return root if view is None or is_own(view) else url


def match_at(url: str) -> ResolverMatch | None:
    """Return Django's match of a URL, whatever its host is. None if this site has no such page."""
    prefix = urls.get_script_prefix()
    try:
        path = unquote(urlsplit(url).path)
        if path.startswith("/") and not path.startswith(prefix):
            return None  # of another application on this host
        return urls.resolve("/" + path.removeprefix(prefix).lstrip("/"))
    except (ValueError, Resolver404):
        return None


def view_at(url: str) -> Any:
    """Return the view of the page at a URL, whatever its host is. None if this site has no such page."""
    match = match_at(url)
    return match.func if match else None


def is_own(view: Any) -> bool:
    """Return whether a view, as `view_at` returns it, is a page of this package."""
    return bool(getattr(view, "is_two_factor_page", False))
