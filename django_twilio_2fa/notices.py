"""E-mails to the owner of an account."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def tell_owner_of_lock(user: Any, until: datetime | None) -> None:
    """Tell the owner that their account is locked; a mail that cannot be sent is logged and stops nothing.

    `until`: aware, or None where somebody has to unlock it.
    """
    address = getattr(user, user.get_email_field_name(), "")
    if not address:
        return
    context = {"user": user, "until": until}
    subject = render_to_string("twilio_2fa/email/locked_subject.txt", context).strip()
    try:
        send_mail(
            " ".join(subject.split()),
            render_to_string("twilio_2fa/email/locked.txt", context),
            None,
            [address],
        )
    except Exception as e:
        # Also an address or a mail backend that is at fault in a way of its own. A traceback would show it.
        logger.error("The owner of a locked account could not be told: %s", type(e).__name__)
