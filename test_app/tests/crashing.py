"""One action of the verifier's in a process of its own, to be killed: `python -m tests.crashing send`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django
from django.conf import settings


def main(action: str, token: str = "") -> dict[str, Any]:
    django.setup()
    settings.TWILIO_2FA_SANDBOX = False
    settings.TWILIO_2FA_BASE_URL = os.environ["SITE_TWILIO"]
    settings.TWILIO_2FA_ACCOUNT_SID = "AC" + "1" * 32
    settings.TWILIO_2FA_AUTH_TOKEN = "a secret"
    settings.TWILIO_2FA_SERVICE_ID = "VA" + "2" * 32
    settings.TWILIO_2FA_TIMEOUT = (2, 10)

    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db.models import Count, Sum

    from django_twilio_2fa import errors
    from django_twilio_2fa.contacts import PhoneNumber
    from django_twilio_2fa.models import Device, Verification
    from django_twilio_2fa.verifier import Verifier

    from .people import PHONE

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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
