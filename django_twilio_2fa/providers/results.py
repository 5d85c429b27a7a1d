"""Define what the methods of a provider return."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models.devices import Device


@dataclass(frozen=True)
class Sent:
    """The result of a send.

    `sid`: the provider's id of the verification, if it has one. `started_at`: when the token's lifetime began
    (aware), if not now. `data` is added to `verification.data`. `secret`: what the user has to see while
    registering. Only the session holds it, until the device is confirmed or given up.
    """

    sid: str = ""
    started_at: datetime | None = None
    data: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None


@dataclass(frozen=True)
class NewDevice:
    """A device to store. `value` identifies it among the user's devices of its kind. `masked` is shown."""

    value: str
    masked: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    only: bool = False
    """True if it replaces the user's other devices of its kind."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of the service behind a method. `ok`: whether it is set up, or None if that is unknown."""

    ok: bool | None
    says: str


@dataclass(frozen=True)
class Checked:
    """The result of a check: whether the token was right, and the id of the verification at the service.

    `device`: the device to register, if its kind is the provider's own. `used`: the device that the token
    came from, for a provider with `any_device`.
    """

    approved: bool
    sid: str = ""
    device: NewDevice | None = None
    used: Device | None = None
