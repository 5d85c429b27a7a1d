"""Numbers and addresses that the sandbox answers with a fault: one table, shown in docs/sandbox.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Magic:
    """The behaviour of a destination.

    `on`: `send`, `check` or `lookup`, where the fault strikes; empty for none. `channels`: the only
    channels of a send that it strikes; empty for all.
    """

    to: str
    does: str
    on: str = ""
    code: int = 0
    channels: tuple[str, ...] = ()
    line_type: str | None = "mobile"


def _number(last: int) -> str:
    return f"+120255501{last}"


MESSAGES = ("sms", "whatsapp")

MAGIC: dict[str, Magic] = {
    m.to: m
    for m in (
        Magic(
            _number(50),
            "a landline: no text message, but a call",
            "send",
            60205,
            channels=MESSAGES,
            line_type="landline",
        ),
        Magic(_number(51), "a VoIP number", line_type="nonFixedVoip"),
        Magic(_number(52), "a number whose line type is not known", line_type=None),
        Magic(_number(53), "a premium number, by Lookup", line_type="premium"),
        Magic(_number(54), "a Lookup that is not permitted", "lookup", 60601),
        Magic(_number(55), "a Lookup that fails", "lookup", 20503),
        Magic(_number(56), "a landline that Lookup knows of and that takes calls", line_type="landline"),
        Magic(_number(57), "bad credentials", "send", 20003),
        Magic(_number(58), "a wrong service SID", "send", 20404),
        Magic(_number(59), "too many requests to Twilio", "send", 20429),
        Magic(_number(60), "an outage", "send", 20503),
        Magic(_number(61), "Twilio's own error", "send", 20500),
        Magic(_number(62), "a trial account and a number not verified for it", "send", 21608),
        Magic(_number(63), "a parameter that is refused", "send", 60200),
        Magic(_number(64), "too many sends already", "send", 60203),
        Magic(_number(65), "sends at the same time", "send", 60212),
        Magic(_number(66), "a channel that is switched off at the service", "send", 60223),
        Magic(_number(67), "a template that is missing", "send", 60228),
        Magic(_number(68), "a number blocked by Twilio", "send", 60238),
        Magic(_number(69), "Fraud Guard", "send", 60410),
        Magic(_number(70), "a risk found by the device's address", "send", 60413),
        Magic(_number(71), "a country switched off", "send", 60605),
        Magic(_number(72), "WhatsApp not set up", "send", 68008, channels=("whatsapp",)),
        Magic(_number(73), "a check with too many tokens already", "check", 60202),
        Magic(_number(74), "a check of what is used up, canceled or expired", "check", 20404),
        Magic(_number(75), "an outage while checking", "check", 20503),
        Magic("unset@sandbox.test", "e-mail not set up", "send", 60217),
        Magic("denied@sandbox.test", "e-mail not permitted", "send", 60222),
        Magic("outage@sandbox.test", "an outage", "send", 20503),
    )
}


def magic_for(to: str) -> Magic:
    """Return the behaviour of a destination: by default that of an ordinary mobile number or address."""
    return MAGIC.get(to) or Magic(to, "")
