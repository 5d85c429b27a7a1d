"""Store the safe list of an account: numbers that Fraud Guard and geo permissions do not block."""

from __future__ import annotations

import re

from .. import store
from ..answers import ORIGIN, Body, Result, Values
from ..models import SandboxResource
from ..parameters import text
from ..twilio_errors import invalid

KIND = "safelist"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# The errors that numbers on the list do not get.
SPARED = (60410, 60605)


def holds(account: str, number: str) -> bool:
    return store.rows(KIND, account_sid=account, name=number).exists()


def _body(row: SandboxResource) -> Body:
    return {"sid": row.sid, "phone_number": row.name, "url": f"{ORIGIN}/v2/SafeList/Numbers/{row.name}"}


def add_number(values: Values, *, account: str) -> Result:
    """Add a number. If it is on the list already, return the existing entry."""
    number = text(values, "PhoneNumber", required=True)
    if not E164.fullmatch(number):
        raise invalid("PhoneNumber", "is not a number in E.164 format")
    try:
        row = store.create(KIND, "GN", {}, account=account, name=number)
    except store.Taken:
        row = store.find(KIND, account_sid=account, name=number)
    return 201, _body(row)


def fetch_number(values: Values, *, account: str, number: str) -> Result:
    return 200, _body(store.find(KIND, account_sid=account, name=number))


def remove_number(values: Values, *, account: str, number: str) -> Result:
    store.find(KIND, account_sid=account, name=number).delete()
    return 204, None
