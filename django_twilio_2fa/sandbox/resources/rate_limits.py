"""Configure the rate limits of a service. The module `rate_counts` counts the sends."""

from __future__ import annotations

import re

from .. import store
from ..answers import BASE, Body, Result, Values, iso, page
from ..models import SandboxRateCount, SandboxResource
from ..parameters import integer, text
from ..rate_counts import BUCKET, LIMIT
from ..twilio_errors import refused

MAX_LIMITS, MAX_BUCKETS = 10, 5
MOST, LONGEST_INTERVAL = 10**6, 86400
UNIQUE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _url(row: SandboxResource) -> str:
    if row.kind == LIMIT:
        return f"{BASE}/{row.service_sid}/RateLimits/{row.sid}"
    return f"{BASE}/{row.service_sid}/RateLimits/{row.parent_sid}/Buckets/{row.sid}"


def _common(row: SandboxResource) -> Body:
    return {
        "sid": row.sid,
        "service_sid": row.service_sid,
        "account_sid": row.account_sid,
        "date_created": iso(row.created_at),
        "date_updated": iso(row.updated_at),
        "url": _url(row),
    }


def _limit_body(row: SandboxResource) -> Body:
    return {
        **_common(row),
        "unique_name": row.name,
        "description": row.data["description"],
        "links": {"buckets": f"{_url(row)}/Buckets"},
    }


def _bucket_body(row: SandboxResource) -> Body:
    return {**_common(row), "rate_limit_sid": row.parent_sid, **row.data}


def create_limit(values: Values, *, account: str, service: str) -> Result:
    name = text(values, "UniqueName", required=True)
    if not UNIQUE_NAME.fullmatch(name):
        raise refused(60209)
    data = {"description": text(values, "Description", longest=256) or None}
    if store.rows(LIMIT, service_sid=service).count() >= MAX_LIMITS:
        raise refused(60207)
    row = store.create(LIMIT, "RK", data, account=account, service=service, name=name, taken=refused(60208))
    return 201, _limit_body(row)


def _limit(service: str, sid: str) -> SandboxResource:
    return store.find(LIMIT, service_sid=service, sid=sid)


def fetch_limit(values: Values, *, account: str, service: str, sid: str) -> Result:
    return 200, _limit_body(_limit(service, sid))


def update_limit(values: Values, *, account: str, service: str, sid: str) -> Result:
    row = _limit(service, sid)
    store.update(row, {"description": text(values, "Description", longest=256) or None})
    return 200, _limit_body(row)


def delete_limit(values: Values, *, account: str, service: str, sid: str) -> Result:
    row = _limit(service, sid)
    for bucket in store.rows(BUCKET, parent_sid=sid):
        _forget(bucket)
    row.delete()
    return 204, None


def list_limits(values: Values, *, account: str, service: str) -> Result:
    rows = store.rows(LIMIT, service_sid=service)
    return page(values, rows, "rate_limits", f"{BASE}/{service}/RateLimits", _limit_body)


# Buckets


def create_bucket(values: Values, *, account: str, service: str, rate_limit: str) -> Result:
    _limit(service, rate_limit)
    most = integer(values, "Max", 1, MOST, required=True)
    interval = integer(values, "Interval", 1, LONGEST_INTERVAL, required=True)
    if store.rows(BUCKET, parent_sid=rate_limit).count() >= MAX_BUCKETS:
        raise refused(60210)
    row = store.create(
        BUCKET,
        "BL",
        {"max": most, "interval": interval},
        account=account,
        service=service,
        parent=rate_limit,
        name=str(interval),
        taken=refused(60211),
    )
    return 201, _bucket_body(row)


def _bucket(service: str, rate_limit: str, sid: str) -> SandboxResource:
    return store.find(BUCKET, service_sid=service, parent_sid=rate_limit, sid=sid)


def fetch_bucket(values: Values, *, account: str, service: str, rate_limit: str, sid: str) -> Result:
    return 200, _bucket_body(_bucket(service, rate_limit, sid))


def update_bucket(values: Values, *, account: str, service: str, rate_limit: str, sid: str) -> Result:
    row = _bucket(service, rate_limit, sid)
    changes = {
        "max": integer(values, "Max", 1, MOST),
        "interval": integer(values, "Interval", 1, LONGEST_INTERVAL),
    }
    if changes["interval"]:
        store.rename(row, str(changes["interval"]), taken=refused(60211))
    store.update(row, changes)
    return 200, _bucket_body(row)


def delete_bucket(values: Values, *, account: str, service: str, rate_limit: str, sid: str) -> Result:
    _forget(_bucket(service, rate_limit, sid))
    return 204, None


def _forget(bucket: SandboxResource) -> None:
    SandboxRateCount.objects.filter(bucket_sid=bucket.sid).delete()
    bucket.delete()


def list_buckets(values: Values, *, account: str, service: str, rate_limit: str) -> Result:
    _limit(service, rate_limit)
    url = f"{BASE}/{service}/RateLimits/{rate_limit}/Buckets"
    return page(values, store.rows(BUCKET, parent_sid=rate_limit), "buckets", url, _bucket_body)
