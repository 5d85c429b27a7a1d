"""Check that pages require verification: the middleware, and views that sign users in."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Info, Warning

from ..conf import PREFIX, conf
from .project import AUTHENTICATION, positions
from .urls import Mounted

OURS = "django_twilio_2fa.middleware.TwoFactorMiddleware"


def middleware(mounted: Mounted) -> Iterator[CheckMessage]:
    own, authentication = positions(OURS), positions(AUTHENTICATION)
    add = f"Add {OURS!r} to MIDDLEWARE, after {AUTHENTICATION!r}."
    if own and (not authentication or own[0] < authentication[0]):
        yield Error("TwoFactorMiddleware needs request.user.", hint=add, id="twilio_2fa.E023")
    asks = conf.REQUIRED_CB not in (None, False)
    if asks and not own:
        yield Warning(
            f"{PREFIX}REQUIRED_CB is set, but TwoFactorMiddleware is not installed, so the setting does not "
            "protect any page.",
            hint=add,
            id="twilio_2fa.W019",
        )
    elif mounted.has_login_view and not asks and not mounted.has_guarded_views:
        yield Warning(
            "TwoFactorLoginView is used, but no page requires verification. Users who sign in elsewhere, "
            "such as at the admin, are not verified.",
            hint=f"Set {PREFIX}REQUIRED_CB, and add {OURS!r} to MIDDLEWARE.",
            id="twilio_2fa.W020",
        )
    elif mounted.has_login_view and not asks and mounted.other_log_ins:
        yield Warning(
            "Besides TwoFactorLoginView, these views sign users in without verification: "
            f"{', '.join(mounted.other_log_ins)}.",
            hint="Use TwoFactorLoginView, TwoFactorPasswordResetConfirmView and TwoFactorAdminSite. Or set "
            f"{PREFIX}REQUIRED_CB, and add {OURS!r} to MIDDLEWARE. Silence this if every view that needs "
            "protection requires verification.",
            id="twilio_2fa.W021",
        )
    elif own and conf.REQUIRED_CB is None:
        yield Info(
            f"TwoFactorMiddleware is installed, but {PREFIX}REQUIRED_CB is not set, so the middleware "
            "requires verification of nobody.",
            hint=f"Set {PREFIX}REQUIRED_CB. Set it to False if only your views require verification.",
            id="twilio_2fa.I003",
        )


CHECKS = (middleware,)
