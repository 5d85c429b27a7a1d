"""End verifications when their device is deleted or their user signs out."""

from __future__ import annotations

from typing import Any

from ..digests import digests
from ..models.devices import Device
from ..models.verifications import Verification
from .session_data import get_flow


def end_with_device(sender: Any, instance: Device, **kwargs: Any) -> None:
    """End the verifications with a device in every session. Receives `pre_delete`, also for cascades.

    After the deletion, the rows no longer refer to the device.
    """
    Verification.objects.filter(device=instance, verifies_session=True).update(verifies_session=False)


def end_with_session(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """End the verifications of a session. Receives `user_logged_out`.

    A session that is kept in a cookie, or restored from a copy, may come back afterwards.
    """
    if user is None or not hasattr(request, "session") or not (flow := get_flow(request)):
        return
    rows = Verification.objects.filter(user=user, flow_digest__in=digests("flow", flow))
    rows.filter(verifies_session=True).update(verifies_session=False)
