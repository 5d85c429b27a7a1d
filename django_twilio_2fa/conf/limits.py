"""The limits that apply across verifications, with their defaults and what each counts."""

from __future__ import annotations

from typing import NamedTuple


class Limit(NamedTuple):
    """One limit: its default rate, or a number of events in a row, and what it counts."""

    default: str | int | None
    doc: str


LIMITS: dict[str, Limit] = {
    "sends_per_user": Limit("10/h", "Codes sent to registered devices of one user."),
    "sends_per_destination": Limit(
        "10/h, 20/d", "Codes sent to one phone number or e-mail address as a registered device, by all users."
    ),
    "unproven_sends_per_user": Limit(
        "5/h", "Codes sent to phone numbers and e-mail addresses that one user wants to register."
    ),
    "unproven_sends_per_destination": Limit(
        "2/10m, 5/d",
        "Codes sent to one phone number or e-mail address by users who want to register it. Sends for users "
        "who are not signed in are counted separately.",
    ),
    "setups_per_user": Limit(
        "10/h",
        "Registrations that one user starts and that send nothing: authenticator apps, "
        "passkeys and recovery codes.",
    ),
    "refused_sends_per_user": Limit("20/h", "Codes of one user that Twilio refused to send."),
    "refused_sends_per_destination": Limit(
        "20/h", "Codes to one phone number or e-mail address that Twilio refused to send."
    ),
    "wrong_tokens_per_session": Limit("10/h", "Wrong codes in one session. Then the session is locked."),
    "passwordless_per_session": Limit("10/h", "Refused log-ins without a password in one session."),
    "wrong_tokens_per_user": Limit("30/h", "Wrong codes of one user. Then the user is locked."),
    "wrong_tokens_in_a_row": Limit(
        100,
        "Wrong codes of one user without a right one in between. Then the user is locked until an "
        "administrator unlocks them.",
    ),
    "used_codes_per_user": Limit(
        "10/h",
        "Codes of an authenticator app that one user enters a second time. Further ones count "
        "as wrong codes.",
    ),
    "lookups_per_user": Limit("10/h", "Lookups of line types, which Twilio charges for, for one user."),
    "polls_per_device": Limit(
        "600/10m", "Requests of one registered browser for its pending approvals (`push`)."
    ),
    "answers_per_device": Limit(
        "60/h", "Answers that one registered browser has signed (`push`), and changes of its notifications."
    ),
    "unproven_requests_per_client": Limit(
        "600/h",
        "Requests that no registered browser has signed (`push`), from one IP address, if "
        "`CLIENT_ADDRESS_CB` is set. Signed requests do not count towards this limit.",
    ),
    "requests_per_client": Limit(
        "30/h", "Sends and checks from one IP address, if `CLIENT_ADDRESS_CB` is set."
    ),
}
