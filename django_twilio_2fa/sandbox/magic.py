"""Declare the magic destinations, which cause an error. docs/sandbox.md lists them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .twilio_errors import refused


@dataclass(frozen=True)
class Magic:
    """The behaviour of a destination.

    `on`: the request that fails: `send`, `check` or `lookup`, or empty for none. `channels`: the channels of
    sends that fail, or empty for all.
    """

    to: str
    does: str
    on: str = ""
    code: int = 0
    channels: tuple[str, ...] = ()
    line_type: str | None = "mobile"
    sna: bool = True
    """True if the carrier supports Silent Network Auth."""


def _number(last: int) -> str:
    return f"+120255501{last}"


MESSAGES = ("sms", "whatsapp")

MAGIC: dict[str, Magic] = {
    m.to: m
    for m in (
        Magic(
            _number(50),
            "a landline. It receives calls, but no text messages",
            "send",
            60205,
            channels=MESSAGES,
            line_type="landline",
        ),
        Magic(_number(51), "a VoIP number", line_type="nonFixedVoip"),
        Magic(_number(52), "a number whose line type Lookup does not know", line_type=None),
        Magic(_number(53), "a premium-rate number, according to Lookup", line_type="premium"),
        Magic(_number(54), "Lookup is not permitted", "lookup", 60601),
        Magic(_number(55), "Lookup fails", "lookup", 20503),
        Magic(_number(56), "a landline, according to Lookup. It receives calls", line_type="landline"),
        Magic(_number(57), "bad credentials", "send", 20003),
        Magic(_number(58), "the service SID does not exist", "send", 20404),
        Magic(_number(59), "too many requests to Twilio", "send", 20429),
        Magic(_number(60), "an outage", "send", 20503),
        Magic(_number(61), "an internal error of Twilio", "send", 20500),
        Magic(_number(62), "a trial account, which cannot send to this number", "send", 21608),
        Magic(_number(63), "Twilio refuses a parameter", "send", 60200),
        Magic(_number(64), "the code has been sent too often", "send", 60203),
        Magic(_number(65), "several sends at the same time", "send", 60212),
        Magic(_number(66), "the channel is disabled for the service", "send", 60223),
        Magic(_number(67), "the message template is missing", "send", 60228),
        Magic(_number(68), "Twilio has blocked the number", "send", 60238),
        Magic(_number(69), "Fraud Guard has blocked the number", "send", 60410),
        Magic(_number(70), "Twilio sees a risk in the IP address of the user", "send", 60413),
        Magic(_number(71), "the country is disabled (geo permissions)", "send", 60605),
        Magic(_number(72), "WhatsApp is not set up", "send", 68008, channels=("whatsapp",)),
        Magic(_number(73), "too many codes have been checked", "check", 60202),
        Magic(_number(74), "the verification does not exist any more when a code is checked", "check", 20404),
        Magic(_number(75), "an outage when a code is checked", "check", 20503),
        Magic(_number(76), "a carrier that does not support Silent Network Auth", sna=False),
        Magic("unset@sandbox.test", "e-mail is not set up", "send", 60217),
        Magic("denied@sandbox.test", "e-mail is not permitted", "send", 60222),
        Magic("outage@sandbox.test", "an outage", "send", 20503),
    )
}


def magic_for(to: str) -> Magic:
    """Return the behaviour of a destination. By default, that of a normal mobile number or address."""
    return MAGIC.get(to) or Magic(to, "")


def strike(to: str, where: str, channel: str = "", *, spared: Collection[int] = ()) -> None:
    """Raise the error of a magic destination, unless the error code is in `spared`."""
    magic = magic_for(to)
    if magic.on == where and (not magic.channels or channel in magic.channels) and magic.code not in spared:
        raise refused(magic.code)
