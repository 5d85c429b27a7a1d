"""Run one action of the verifier in a separate process, which a test kills.

Each process is forked from one in which Django is set up: see `forked.py`.
"""

from __future__ import annotations

import traceback
from multiprocessing.connection import Connection
from typing import Any


def main(answer: Connection, database: str, twilio: str, action: str, token: str = "") -> None:
    """Run one action. Send the state of the database afterwards, or a traceback."""
    try:
        answer.send(act(database, twilio, action, token))
    except BaseException:
        answer.send(traceback.format_exc())
        raise


def act(database: str, twilio: str, action: str, token: str) -> dict[str, Any]:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Count, Sum

    from django_twilio_2fa import errors
    from django_twilio_2fa.contacts import PhoneNumber
    from django_twilio_2fa.models import Device, Verification
    from django_twilio_2fa.verifier import Verifier

    from .helpers import OVER_HTTP
    from .people import PHONE

    connection.settings_dict["NAME"] = database
    for name, value in OVER_HTTP.items():
        setattr(settings, name, value)
    settings.TWILIO_2FA_BASE_URL = twilio
    settings.TWILIO_2FA_TIMEOUT = (2, 10)

    if action == "set-up":
        call_command("migrate", verbosity=0)
        Device.objects.register(get_user_model().objects.create_user("pat"), PhoneNumber(PHONE))
        return {}
    verifier = Verifier(get_user_model().objects.get(), flow="a flow", auth="an auth")
    rows = Verification.objects.order_by("-pk")
    if action == "check-after-lease":
        rows.update(lease_until=None)
    if action == "send-after-cooldown":
        rows.update(next_send_at=None)
    error = ""
    try:
        if action.startswith("send"):
            verifier.send("sms")
        elif action.startswith("check") and rows:
            row = rows[0]
            row.user = verifier.user
            verifier.check(row, token)
    except errors.TwoFactorError as e:
        error = e.full_code
    if not rows:
        return {}
    row = rows[0]
    told = {"error": error, "status": row.status, "sends": row.sends, "attempts": row.attempts}
    totals = rows.aggregate(all_sends=Sum("sends"), all_attempts=Sum("attempts"), rows=Count("pk"))
    return {**told, **totals}
