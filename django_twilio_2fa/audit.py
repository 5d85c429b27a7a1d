"""Write the audit log: one line of JSON for each security event of an account, such as a new device.

Codes that are sent or checked are not logged.

The lines hold no personal data: no names, numbers, addresses or browsers, only keys of rows.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.crypto import salted_hmac

logger = logging.getLogger(__name__)


def record(event: str, *, user: Any, request: Any, **details: Any) -> None:
    """Write one event of a user to the logger. `by` is the key of the user who is signed in."""
    if not logger.isEnabledFor(logging.INFO):
        return
    about = {"event": event, "user": _key(user), "by": _key(getattr(request, "user", None))}
    about |= {name: _plain(value) for name, value in details.items()}
    # The dict is for logging handlers that write other formats than JSON.
    logger.info("%s", json.dumps(about), extra={"twilio_2fa_audit": about})


def _key(user: Any) -> str | None:
    """Return the user's primary key, or its digest if the key may be a user name. None for no user."""
    pk = getattr(user, "pk", None)
    if pk is None:
        return None
    return (
        str(pk)
        if isinstance(pk, (int, UUID))
        else salted_hmac("django_twilio_2fa.audit", str(pk), algorithm="sha256").hexdigest()[:32]
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
