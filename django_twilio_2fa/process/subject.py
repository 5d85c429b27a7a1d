"""Hold the user who is being verified, and the session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .. import errors
from ..conf import conf
from ..digests import digests


@dataclass(frozen=True)
class Subject:
    """The user, the request and the session of a verification.

    `user` is None for an anonymous visitor. `flow` is the session's random flow id, and `auth` the digest of
    its auth hash. The request is passed to callbacks, providers and signals, and read only for the name of
    its browser.
    """

    user: Any = None
    request: Any = None
    flow: str = ""
    auth: str = ""

    @cached_property
    def flow_digests(self) -> list[str]:
        """The digests of `flow` with the current secret key and earlier ones."""
        return digests("flow", self.flow)

    def setting(self, name: str, **offered: Any) -> Any:
        """Return a setting. A callable is called with the user, the request and `offered`."""
        return conf.resolve(name, user=self.user, request=self.request, **offered)

    def authorize(self) -> None:
        """Raise `UserNotAllowed` if the site refuses this user, `UserRequired` if a user is missing."""
        if self.user is None:
            if not self.setting("ALLOW_USERLESS"):
                raise errors.UserRequired
        elif not self.setting("ALLOW_USER_CB"):
            raise errors.UserNotAllowed
