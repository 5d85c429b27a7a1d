"""Send e-mails to the owner of an account."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.core.mail import send_mail
from django.template import TemplateDoesNotExist
from django.template.loader import get_template, render_to_string
from django.utils import timezone

from . import moments
from .conf import conf
from .contacts import Contact, EmailAddress, PhoneNumber

logger = logging.getLogger(__name__)


def address_of(user: Any) -> str:
    """Return the e-mail address in the user model. Empty if there is none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def html_of(name: str, context: dict[str, Any]) -> str | None:
    """Render a template. Return None if it does not exist: a site or a provider may send text only."""
    try:
        return get_template(name).render(context)
    except TemplateDoesNotExist:
        return None


def tell_owner(
    user: Any,
    template: str,
    *,
    address: str | None = None,
    also: Iterable[Contact | None] = (),
    **context: Any,
) -> None:
    """Send an e-mail to the user, unless `NOTIFY_OWNER` is off or they have no address.

    `<template>_subject.txt`, `<template>.txt` and, if it exists, `<template>.html` are rendered with `user`,
    `at` (the time) and `context`. `address`: the user's address, if the one in the user model may have
    changed. `also`: numbers and addresses that were replaced or removed. Each of these addresses gets the
    e-mail as well, and `NOTIFY_NUMBER_CB` is called for each number. Failures are logged and not raised.
    """
    own = address_of(user) if address is None else address
    old = [str(each) for each in also if isinstance(each, EmailAddress)]
    addresses = {each.lower(): each for each in (*old, own) if each}
    numbers = [each for each in also if isinstance(each, PhoneNumber) and conf.NOTIFY_NUMBER_CB is not None]
    if not (addresses or numbers) or not conf.resolve("NOTIFY_OWNER", user=user):
        return
    context = {"user": user, "at": moments.local(timezone.now()), **context}
    for each in addresses.values():
        _send(template, context, each)
    for number in numbers:
        _text(template, context, str(number), user)


def _subject(template: str, context: dict[str, Any]) -> str:
    return " ".join(render_to_string(f"{template}_subject.txt", context).split())


def _text(template: str, context: dict[str, Any], number: str, user: Any) -> None:
    try:
        conf.resolve("NOTIFY_NUMBER_CB", number=number, text=_subject(template, context), user=user)
    except Exception as e:
        # Raised by a template. `conf.resolve` handles exceptions of the callback.
        logger.error(
            "A message to a former phone number of an account could not be sent: %s", type(e).__name__
        )


def _send(template: str, context: dict[str, Any], address: str) -> None:
    try:
        subject, text = _subject(template, context), render_to_string(f"{template}.txt", context)
        html = html_of(f"{template}.html", {**context, "subject": subject})
        send_mail(subject, text, None, [address], html_message=html)
    except Exception as e:
        # Any exception, such as one of a template or a mail backend: the event itself has already happened.
        # A traceback would show the address.
        logger.error("An e-mail to the owner of an account could not be sent: %s", type(e).__name__)
