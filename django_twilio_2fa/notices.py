"""Send e-mails to the owner of an account."""

from __future__ import annotations

import logging
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string

from .conf import conf

logger = logging.getLogger(__name__)


def address_of(user: Any) -> str:
    """Return the e-mail address of the account's owner. Empty if there is none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def tell_owner(user: Any, template: str, *, address: str | None = None, **context: Any) -> None:
    """Tell the owner of an account by e-mail, unless `NOTIFY_OWNER` is off or they have no address.

    `<template>_subject.txt` and `<template>.txt` are rendered with `user` and `context`. `address`: where the
    account's own may have changed in between. A mail that cannot be sent is logged and stops nothing.
    """
    address = address_of(user) if address is None else address
    if not address or not conf.resolve("NOTIFY_OWNER", user=user):
        return
    context = {"user": user, **context}
    try:
        subject = render_to_string(f"{template}_subject.txt", context).strip()
        send_mail(" ".join(subject.split()), render_to_string(f"{template}.txt", context), None, [address])
    except Exception as e:
        # Also a template, an address or a mail backend that is at fault in a way of its own: what it tells of
        # has happened. A traceback would show the address.
        logger.error("The owner of an account could not be told: %s", type(e).__name__)
